#include "runtime/arguments.h"

#include <utility>

namespace podman_bootc {
namespace {

bool HasLoneSurrogate(const std::u16string& text) {
  for (size_t i = 0; i < text.size(); i++) {
    bool high = text[i] >= 0xD800 && text[i] < 0xDC00;
    bool low = text[i] >= 0xDC00 && text[i] < 0xE000;
    bool pair = high && i + 1 < text.size() && text[i + 1] >= 0xDC00 && text[i + 1] < 0xE000;
    if (pair) i++;
    if (!pair && (high || low)) return true;
  }
  return false;
}

}  // namespace

void Arguments::Refuse(const char* expected) {
  if (!ok_) return;
  ok_ = false;
  // Throwing over a pending exception ends the process.
  if (env_.IsExceptionPending()) return;
  std::string message = "Expected argument " + std::to_string(index_) + " to be " + expected;
  Napi::TypeError::New(env_, message).ThrowAsJavaScriptException();
}

std::string Arguments::Text(const Napi::Value& value) {
  if (!value.IsString()) {
    Refuse("a string");
    return std::string();
  }
  std::string text = value.As<Napi::String>().Utf8Value();
  // libvirt would see the part before it only.
  if (text.find('\0') != std::string::npos) Refuse("a string without NUL");
  // What stands in UTF-8 for half of a pair is U+FFFD, which may also be there in its own right.
  if (text.find("\xEF\xBF\xBD") != std::string::npos &&
      HasLoneSurrogate(value.As<Napi::String>().Utf16Value()))
    Refuse("a string without lone surrogates");
  return text;
}

std::string Arguments::Bytes() {
  Napi::Value value = Next();
  if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array) {
    auto array = value.As<Napi::Uint8Array>();
    // An empty or detached array has no data at all.
    if (array.ByteLength() == 0) return std::string();
    return std::string(reinterpret_cast<const char*>(array.Data()), array.ByteLength());
  }
  Refuse("an Uint8Array");
  return std::string();
}

std::string Arguments::String() { return Text(Next()); }

OptionalString Arguments::StringOrUndefined() {
  Napi::Value value = Next();
  return value.IsUndefined() ? OptionalString() : OptionalString(Text(value));
}

bool Arguments::Boolean() {
  Napi::Value value = Next();
  if (value.IsBoolean()) return value.As<Napi::Boolean>();
  Refuse("a boolean");
  return false;
}

uint32_t Arguments::Unsigned() {
  Napi::Value value = Next();
  if (value.IsNumber()) return value.As<Napi::Number>().Uint32Value();
  Refuse("a number");
  return 0;
}

int32_t Arguments::Integer() {
  Napi::Value value = Next();
  if (value.IsNumber()) return value.As<Napi::Number>().Int32Value();
  Refuse("a number");
  return 0;
}

uint64_t Arguments::Size() {
  Napi::Value value = Next();
  bool lossless = false;
  uint64_t size = value.IsBigInt() ? value.As<Napi::BigInt>().Uint64Value(&lossless) : 0;
  if (!lossless) Refuse("a bigint of 64 bits");
  return size;
}

std::vector<uint32_t> Arguments::UnsignedList() {
  std::vector<uint32_t> list;
  Napi::Value value = Next();
  if (!value.IsArray()) {
    Refuse("an array of numbers");
    return list;
  }
  Napi::Array array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    Napi::Value each = array.Get(i);
    if (!each.IsNumber()) {
      Refuse("an array of numbers");
      break;
    }
    list.push_back(each.As<Napi::Number>().Uint32Value());
  }
  return list;
}

std::vector<OptionalString> Arguments::OptionalStringList() {
  std::vector<OptionalString> list;
  Napi::Value value = Next();
  if (!value.IsArray()) {
    Refuse("an array of strings");
    return list;
  }
  Napi::Array array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length() && ok_; i++) {
    Napi::Value each = array.Get(i);
    list.push_back(each.IsNull() ? OptionalString() : OptionalString(Text(each)));
  }
  return list;
}

Napi::Function Arguments::Function() {
  Napi::Value value = Next();
  if (value.IsFunction()) return value.As<Napi::Function>();
  Refuse("a function");
  return Napi::Function();
}

}  // namespace podman_bootc

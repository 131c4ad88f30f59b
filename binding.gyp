{
  'targets': [
    {
      'target_name': 'libvirt',
      # gyp takes the prefix "lib" off the target's name otherwise.
      'product_name': 'libvirt',
      'sources': [
        'native/addon.cc',
        'native/calls/connection.cc',
        'native/calls/domain.cc',
        'native/calls/domain_block.cc',
        'native/calls/domain_events.cc',
        'native/calls/domain_guest.cc',
        'native/calls/domain_snapshot.cc',
        'native/calls/domain_statistics.cc',
        'native/calls/file_lock.cc',
        'native/calls/network.cc',
        'native/calls/storage_pool.cc',
        'native/calls/storage_volume.cc',
        'native/calls/stream.cc',
        'native/repair/client_loop.cc',
        'native/repair/xml_parser.cc',
        'native/runtime/arguments.cc',
        'native/runtime/connection_handle.cc',
        'native/runtime/credentials.cc',
        'native/runtime/environment.cc',
        'native/runtime/error.cc',
        'native/runtime/event_loop.cc',
        'native/runtime/executor.cc',
        'native/runtime/mailbox.cc',
        'native/runtime/stream_handle.cc',
        'native/runtime/subscription.cc',
        'native/runtime/task.cc',
        'native/runtime/thread.cc',
        'native/runtime/value.cc',
      ],
      'include_dirs': ['native'],
      'defines': [
        'NAPI_VERSION=8',
        'NAPI_DISABLE_CPP_EXCEPTIONS',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
        # A worker that is being terminated refuses every throw; node-addon-api would abort the process then.
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      ],
      'cflags': [
        '-Wall',
        '-Wextra',
        '-fvisibility=hidden',
        '-O1',
        '<!@(pkg-config --cflags libvirt libvirt-qemu)',
        # As system headers, so that only our own warnings are reported.
        '-isystem <!(node -p "path.dirname(require.resolve(\'node-addon-api\'))")',
      ],
      # It waits for libvirt most of the time, and a user who builds it for the compiler: -O3 takes half as long again.
      'cflags!': ['-fno-exceptions', '-O3'],
      # See OutOfMemory in native/runtime/error.h. No exception is one of node-addon-api's.
      'cflags_cc!': ['-fno-rtti', '-fno-exceptions'],
      'cflags_cc': ['-std=c++17', '-fexceptions'],
      'libraries': ['<!@(pkg-config --libs libvirt libvirt-qemu)'],
      'conditions': [
        ['OS=="linux"', {
          # See PinInMemory in native/addon.cc.
          'ldflags': ['-Wl,-z,nodelete'],
        }],
        ['OS=="mac"', {
          'xcode_settings': {
            'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
            'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
            'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
            'WARNING_CFLAGS': ['-Wall', '-Wextra'],
            'OTHER_CFLAGS': [
              '<!@(pkg-config --cflags libvirt libvirt-qemu)',
              '-isystem <!(node -p "path.dirname(require.resolve(\'node-addon-api\'))")',
            ],
          },
        }],
      ],
    },
  ],
}

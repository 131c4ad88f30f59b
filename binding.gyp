{
  'targets': [
    {
      'target_name': 'libvirt',
      # gyp takes the prefix "lib" off the target's name otherwise.
      'product_name': 'libvirt',
      'sources': [
        'native/addon.cc',
        'native/arguments.cc',
        'native/client_loop.cc',
        'native/connection.cc',
        'native/connection_handle.cc',
        'native/credentials.cc',
        'native/domain.cc',
        'native/domain_block.cc',
        'native/domain_devices.cc',
        'native/domain_guest.cc',
        'native/domain_handle.cc',
        'native/domain_power.cc',
        'native/domain_screenshot.cc',
        'native/domain_snapshot.cc',
        'native/domain_stats.cc',
        'native/environment.cc',
        'native/error.cc',
        'native/event_loop.cc',
        'native/events.cc',
        'native/executor.cc',
        'native/file_lock.cc',
        'native/mailbox.cc',
        'native/network.cc',
        'native/storage_pool.cc',
        'native/storage_volume.cc',
        'native/stream.cc',
        'native/stream_handle.cc',
        'native/subscription.cc',
        'native/task.cc',
        'native/thread.cc',
        'native/typed_parameters.cc',
        'native/xml_parser.cc',
      ],
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
      # See OutOfMemory in native/error.h. No exception is one of node-addon-api's.
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

import { addAbortSignal, type Duplex } from 'node:stream';
import { checkOptionalString, checkOptions, flagsOf, type CallOptions } from '../arguments.js';
import { DomainSnapshots } from './snapshots.js';
import { virDomainChannelFlags, virDomainConsoleFlags } from '../enums/domain.js';
import { DeviceStream } from '../streams/streams.js';

/** The layer of `Domain` with its console and channels. */
export abstract class DomainStreams extends DomainSnapshots {
  /**
   * Its serial or paravirtual console: the first, or the one with the alias `device`. `force` takes it from whoever
   * has it; `safe` fails where libvirt can't make sure that nobody else does. What is read is what the guest wrote,
   * byte for byte; it is read only as fast as the stream is, but libvirt goes on taking what the guest writes into
   * memory. The stream ends when the domain stops; ending or destroying it lets go of the console. The signal also
   * destroys the stream later.
   */
  async openConsole(
    options: CallOptions & {
      device?: string | undefined;
      force?: boolean | undefined;
      safe?: boolean | undefined;
    } = {},
  ): Promise<Duplex> {
    checkOptions(options);
    const { device, signal } = options;
    checkOptionalString('device', device);
    const flags = flagsOf(options, {
      force: virDomainConsoleFlags.VIR_DOMAIN_CONSOLE_FORCE,
      safe: virDomainConsoleFlags.VIR_DOMAIN_CONSOLE_SAFE,
    });
    const stream = new DeviceStream(
      await this.call(options, (addon, handle, id) => addon.domainOpenConsole(handle, device, flags, id)),
    );
    return signal ? addAbortSignal(signal, stream) : stream;
  }

  /** A virtio channel: the first, or the one with the target name or alias `name`; otherwise like `openConsole`. */
  async openChannel(
    options: CallOptions & { name?: string | undefined; force?: boolean | undefined } = {},
  ): Promise<Duplex> {
    checkOptions(options);
    const { name, signal } = options;
    checkOptionalString('name', name);
    const flags = flagsOf(options, { force: virDomainChannelFlags.VIR_DOMAIN_CHANNEL_FORCE });
    const stream = new DeviceStream(
      await this.call(options, (addon, handle, id) => addon.domainOpenChannel(handle, name, flags, id)),
    );
    return signal ? addAbortSignal(signal, stream) : stream;
  }
}

import { element, type XmlElement } from '../xml.js';

/**
 * The serial port, its copy in a log file that begins anew at every start, and the console on top of it. The log is
 * what tells why a VM did not come up, when nobody was attached.
 */
export function serialElements(log: string): XmlElement[] {
  return [
    element(
      'serial',
      { type: 'pty' },
      element('log', { file: log, append: 'off' }),
      element('target', { port: 0 }),
    ),
    element('console', { type: 'pty' }, element('target', { type: 'serial', port: 0 })),
  ];
}

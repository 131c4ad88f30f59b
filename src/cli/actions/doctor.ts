import { styleText } from 'node:util';
import { exitCodes } from '../../errors.js';
import { examineHost, type CheckStatus, type Finding, type HostReport } from '../../doctor/index.js';
import { formatJson } from '../output/format.js';
import { oneLine } from '../../terminal-text.js';
import { listenForInterrupt } from './interrupt.js';
import { asTyped } from '../output/terminal.js';
import type { GlobalOptions } from '../options.js';

/** `podman-bootc doctor` */
export async function doctor(options: GlobalOptions & { format?: string; podman?: string }): Promise<void> {
  const interrupt = listenForInterrupt();
  let examined: HostReport;
  try {
    examined = await examineHost({ uri: options.connect, podman: options.podman, signal: interrupt.signal });
  } finally {
    interrupt.release();
  }
  const findings = examined.findings.map((each) => ({
    ...each,
    finding: asTyped(each.finding),
    fix: each.fix && asTyped(each.fix),
  }));
  const report = { ...examined, findings };
  const style = {
    symbols: process.stdout.isTTY,
    colours: process.stdout.isTTY && (process.env.NO_COLOR ?? '') === '',
  };
  process.stdout.write(options.format === 'json' ? formatJson(report) : formatReport(report, style));
  if (!report.works) process.exitCode = exitCodes.host;
}

const marks: Readonly<Record<CheckStatus, { symbol: string; colour: 'green' | 'yellow' | 'red' }>> = {
  ok: { symbol: '✔', colour: 'green' },
  warning: { symbol: '!', colour: 'yellow' },
  failure: { symbol: '✘', colour: 'red' },
};

/** The screen: a line per check, its fix below it, and what it comes to. */
export function formatReport(report: HostReport, style: { symbols: boolean; colours: boolean }): string {
  const width = Math.max(...report.findings.map(({ subject }) => subject.length));
  const line = ({ id, subject, status, finding, fix }: Finding): string => {
    const { symbol, colour } = marks[status];
    const word = style.symbols ? symbol : status.padEnd('warning'.length);
    const mark = style.colours ? styleText(colour, word, { validateStream: false }) : word;
    const text = `${mark}  ${id}  ${subject.padEnd(width)}  ${oneLine(finding)}\n`;
    const indent = ' '.repeat(word.length + 2 + id.length + 2 + width + 2);
    return fix === null ? text : `${text}${indent}Fix: ${oneLine(fix)}\n`;
  };
  return `${report.findings.map(line).join('')}\n${summary(report)}\n`;
}

function summary({ works, findings }: HostReport): string {
  const ids = (status: CheckStatus): string =>
    findings
      .filter((finding) => finding.status === status)
      .map(({ id }) => id)
      .join(', ');
  const warnings = ids('warning');
  const worth = warnings === '' ? '' : ` Worth a look: ${warnings}.`;
  return works
    ? `This host can run VMs.${worth}`
    : `\`podman-bootc run\` does not work on this host: ${ids('failure')}.${worth}`;
}

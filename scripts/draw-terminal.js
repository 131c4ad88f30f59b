// Draws what a terminal of 80 columns shows after the bytes on stdin, as SVG on stdout. docs/progress.png is made with it
// from the recording of a real run, cut where systemd is at work:
//
//   script -qec 'stty rows 24 cols 80; podman-bootc run --karg loglevel=7 --karg systemd.show_status=yes --name web IMAGE true' run.bytes
//   tail -n +2 run.bytes | head -c BYTES | node scripts/draw-terminal.js | rsvg-convert > docs/progress.png
import { readFileSync } from 'node:fs';
import xterm from '@xterm/headless';

const columns = 80;
const cell = { width: 8.43, height: 18 };
const margin = 12;
// xterm's numbers for the colours that the view uses.
const colours = { 1: '#cc4444', 2: '#4eb32d', 3: '#c4a000', 6: '#1fa8a8' };

const terminal = new xterm.Terminal({ cols: columns, rows: 24, allowProposedApi: true });
await new Promise((resolve) => terminal.write(readFileSync(0), resolve));
const buffer = terminal.buffer.active;

/** Neighbouring characters that look alike, as one element: the font need not have the cell's width. */
function drawLine(line, row) {
  const runs = [];
  for (let column = 0; column < columns; column++) {
    const { chars, fill, opacity } = look(line.getCell(column));
    const last = runs.at(-1);
    if (last?.fill === fill && last.opacity === opacity) last.text += chars;
    else runs.push({ column, fill, opacity, text: chars });
  }
  return runs
    .filter(({ text }) => text.trim() !== '')
    .map(({ column, fill, opacity, text }) => {
      const shown = text.trimEnd();
      const x = margin + column * cell.width;
      return `<text x="${x}" y="${margin + row * cell.height + 13}" fill="${fill}" opacity="${opacity}" textLength="${shown.length * cell.width}">${escape(shown)}</text>`;
    });
}

function look(position) {
  return {
    chars: position.getChars() || ' ',
    fill: (position.isFgPalette() && colours[position.getFgColor()]) || '#e4e4e4',
    opacity: position.isDim() ? 0.55 : 1,
  };
}

function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

const lines = Array.from({ length: buffer.length }, (_, row) => buffer.getLine(row));
while (lines.at(-1)?.translateToString(true) === '') lines.pop();
const width = Math.ceil(columns * cell.width + 2 * margin);
const height = lines.length * cell.height + 2 * margin;
console.log(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="DejaVu Sans Mono" font-size="14" xml:space="preserve">
<rect width="100%" height="100%" rx="8" fill="#1d1f21"/>
${lines.flatMap(drawLine).join('\n')}
</svg>`);
process.exit();

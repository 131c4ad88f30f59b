/** When the first and the last line of a console's log were written. */
export interface BootTimes {
  began: Date;
  ended: Date;
}

/** Held back until the time of what follows is known; a guest without time stamps would otherwise fill our memory. */
const heldBytes = 8 * 1024 * 1024;

/**
 * Leaves out what a console wrote before a time. Consoles bear no times; the kernel's lines do, in seconds since it
 * began, which is taken for when the log began (the firmware's seconds too much is shown, never too little). Lines
 * without a stamp were written between those around them, and are shown when that may have been in time.
 */
export async function* since(
  chunks: AsyncIterable<Buffer>,
  from: Date,
  { began, ended }: BootTimes,
): AsyncGenerator<Buffer, void> {
  if (ended < from) return;
  let isReached = began >= from;
  let held: Buffer[] = [];
  let size = 0;
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    if (isReached) {
      yield chunk;
      continue;
    }
    const text = Buffer.concat([rest, chunk]);
    let begin = 0;
    for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, begin)) {
      const line = text.subarray(begin, end + 1);
      const stamp = /^\[ *(\d+\.\d+)\]/.exec(line.toString('latin1', 0, 24))?.[1];
      if (stamp === undefined) {
        held.push(line);
        size += line.length;
        for (; size > heldBytes; size -= held.shift()?.length ?? 0);
      } else if (began.getTime() + Number(stamp) * 1000 >= from.getTime()) {
        isReached = true;
        break;
      } else {
        held = [];
        size = 0;
      }
      begin = end + 1;
    }
    rest = text.subarray(begin);
    if (isReached) {
      yield Buffer.concat([...held, rest]);
      held = [];
      rest = Buffer.alloc(0);
    }
  }
  if (!isReached) yield Buffer.concat([...held, rest]);
}

import { checkKarg } from '../../src/bootc/kargs.js';
import { rejectsWithCode } from '../support/rejects.js';

describe('kernel arguments', () => {
  for (const value of [
    'quiet',
    'console=ttyS0,115200',
    'a="b c"',
    '"dyndbg=file x.c +p"',
    '-x',
    'ü=1',
    'a==b',
  ]) {
    it(`take ${value}`, () => {
      checkKarg(value);
    });
  }

  for (const value of ['', ' ', 'a b', 'a\nb', 'a="b', 'a"b c', 'a\u0000b', '\u001b[0m', 'x'.repeat(1025)]) {
    it(`do not take ${JSON.stringify(value.slice(0, 20))}`, async () => {
      await rejectsWithCode('KARG_INVALID', () => {
        checkKarg(value);
      });
    });
  }
});

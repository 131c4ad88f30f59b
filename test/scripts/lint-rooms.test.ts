import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Linter } from 'eslint';
import { projectRoot } from '../support/project.js';

interface Rooms {
  rooms: string[];
  arrowsRunDown: import('eslint').Rule.RuleModule;
}

describe('the lint rule about rooms', () => {
  let rooms: Rooms;

  before(async () => {
    rooms = (await import(join(projectRoot, 'scripts', 'lint-rooms.js'))) as Rooms;
  });

  /** What the rule says of a file below src with this text. */
  function said(file: string, text: string): string[] {
    const linter = new Linter({ cwd: projectRoot });
    return linter
      .verify(
        text,
        {
          plugins: { rooms: { rules: { down: rooms.arrowsRunDown } } },
          rules: { 'rooms/down': 'error' },
        },
        join(projectRoot, 'src', file.replace(/ts$/, 'js')),
      )
      .map(({ message }) => message);
  }

  for (const [kind, text] of Object.entries({
    'an import': "import { a } from '../create/make.js';",
    'a dynamic import': "await import('../create/make.js');",
    'an export of another file': "export * from '../create/make.js';",
  }))
    it(`refuses ${kind} from a room above`, () => {
      assert.deepEqual(said('vm/power/start.ts', text), [
        'vm/power must not import from vm/create, which stands above it (scripts/lint-rooms.js)',
      ]);
    });

  it('takes imports from the same room, from one below and from packages', () => {
    const text = "import './stop.js'; import '../host/lock.js'; import '../../errors.js'; import 'execa';";
    assert.deepEqual(said('vm/power/start.ts', text), []);
  });

  it('takes a file for a room of its own where it is named as one', () => {
    assert.equal(said('vm/inspect.ts', "import './client.js';").length, 1);
    assert.deepEqual(said('vm/client.ts', "import './inspect.js';"), []);
  });

  it('refuses all imports of a file that is in no room', () => {
    assert.equal(said('attic/box.ts', "import '../errors.js';").length, 1);
  });

  it('names no room that is not there', () => {
    for (const room of rooms.rooms) assert.ok(existsSync(join(projectRoot, 'src', room)), room);
  });
});

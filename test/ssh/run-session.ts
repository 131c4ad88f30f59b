// Runs one session as the CLI does: `run-session.js TARGET-JSON COMMAND-JSON`. It has a process of its own,
// because a session takes over stdin, stdout and the signals.
import { openSession, type LoginTarget } from '../../src/ssh/session.js';

const [target = '', command = ''] = process.argv.slice(2);
process.exitCode = await openSession(JSON.parse(target) as LoginTarget, JSON.parse(command) as string[]);
for (const signal of ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP']) {
  if (process.listenerCount(signal) > 0) console.error(`a listener for ${signal} was left behind`);
}

import { isShown, setView, wantsColour, type progressKinds } from './terminal.js';
import { ConsoleView, JsonView, LiveView, PlainView, type View } from './views.js';

/** The options that choose a view. */
export interface ProgressOptions {
  progress?: (typeof progressKinds)[number];
  console?: boolean;
}

/** Shows progress on stderr from now on, until it is closed; nothing where nothing is to be said. */
export async function showProgress(options: ProgressOptions): Promise<View> {
  const view = await chooseView(options);
  setView(view);
  return view;
}

async function chooseView({ progress = 'auto', console = false }: ProgressOptions): Promise<View> {
  const { stderr } = process;
  if (progress === 'json') return new JsonView(stderr, console);
  if (!isShown('info')) return silentView;
  if (console) return new ConsoleView(stderr);
  if (progress === 'plain' || !stderr.isTTY || process.env.TERM === 'dumb') return new PlainView(stderr);
  return LiveView.open(stderr, { colour: wantsColour(), unicode: isUnicode() });
}

/** By the locale, in the order in which POSIX looks at its variables. */
function isUnicode({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv = process.env): boolean {
  return (
    process.platform === 'darwin' ||
    /utf-?8/i.test([LC_ALL, LC_CTYPE, LANG].find((value) => value !== undefined && value !== '') ?? '')
  );
}

const silentView: View = {
  progress() {
    /* silent */
  },
  output() {
    /* silent */
  },
  message(_level, _message, text) {
    process.stderr.write(text);
  },
  close() {
    /* silent */
  },
};

/**
 * Calls a listener. What it throws becomes an uncaught exception, as with any Node event, instead of stopping
 * the other listeners or vanishing in the addon.
 */
export function notify<Arguments extends unknown[]>(
  listener: (...args: Arguments) => void,
  ...args: Arguments
): void {
  try {
    listener(...args);
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

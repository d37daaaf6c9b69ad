/** Threads on which Node.js reads files. A training step waits for one of them too: with Node's four, slow reads of images hold it up. */
const THREADS = "16";

/** Returns the variable of a training's process that sets the number of threads, unless the user has set it. */
export const fileThreads = (): { readonly UV_THREADPOOL_SIZE: string } => ({
  UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE ?? THREADS,
});

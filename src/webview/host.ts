/** The extension, as a page sees it. */
export interface Host<Outgoing, State> {
  post(message: Outgoing): void;
  /** The saved state from when the page was last shown; undefined the first time. */
  readonly kept: State | undefined;
  /** Saves the page's state. */
  keep(state: State): void;
}

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

/** Connects to the extension. Call it once. `receive` gets its messages. */
export function connect<Incoming, Outgoing, State>(
  receive: (message: Incoming) => void,
): Host<Outgoing, State> {
  const api = acquireVsCodeApi();
  window.addEventListener("message", ({ data }: MessageEvent<Incoming>) => receive(data));
  return {
    post: (message) => api.postMessage(message),
    kept: api.getState() as State | undefined,
    keep: (state) => api.setState(state),
  };
}

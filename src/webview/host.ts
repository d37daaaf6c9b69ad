/** The extension, as a page sees it. */
export interface Host<Outgoing, State> {
  post(message: Outgoing): void;
  /** What was kept when the page was last shown; nothing the first time. */
  readonly kept: State | undefined;
  /** Keeps what the page needs to come back as it was. */
  keep(state: State): void;
}

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

/** Connects with the extension; to be called once. `receive` gets its messages. */
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

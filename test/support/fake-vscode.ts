/**
 * A stand-in for the module `vscode`, for unit tests of the extension's code: test/register.mjs puts it in its place. It records the
 * messages that the code shows, and answers its questions as a test says. It has only what tests use.
 */

/** The messages shown, oldest first. */
export const shownMessages: string[] = [];

/** The titles of the editors opened, oldest first. */
export const openedPanels: string[] = [];

/** The pages in these editors, in their order: what was sent to each, and how it answers. */
export const openedPages: { readonly sent: unknown[]; send(message: unknown): void }[] = [];

/** The titles of the editors that took the focus when they were opened or shown again, oldest first. */
export const focusedPanels: string[] = [];

async function record(message: string): Promise<undefined> {
  shownMessages.push(message);
}

/** The addresses opened in the browser, oldest first. */
export const openedAddresses: string[] = [];

/** How the code's questions are answered: by default, the user cancels. */
export const answers: {
  openDialog: (
    options: Readonly<Record<string, unknown>>,
  ) => readonly { readonly fsPath: string }[] | undefined;
  quickPick: (items: readonly unknown[]) => unknown;
} = { openDialog: () => undefined, quickPick: () => undefined };

export const ProgressLocation = { SourceControl: 1, Window: 10, Notification: 15 };

export const window = {
  /** The tests' user never cancels. */
  withProgress: <T>(_options: unknown, run: (progress: unknown, canceled: unknown) => T): T =>
    run(
      { report() {} },
      { isCancellationRequested: false, onCancellationRequested: new EventEmitter().event },
    ),
  createQuickPick: quickPick,
  createWebviewPanel: (
    _type: string,
    title: string,
    place: number | { readonly preserveFocus?: boolean },
  ) => {
    openedPanels.push(title);
    const reveal = (_column?: number, preserveFocus = false) => {
      if (!preserveFocus) focusedPanels.push(title);
    };
    reveal(undefined, typeof place === "object" && place.preserveFocus);
    const received = new EventEmitter<unknown>();
    const sent: unknown[] = [];
    openedPages.push({ sent, send: (message) => received.fire(message) });
    return {
      webview: {
        onDidReceiveMessage: received.event,
        postMessage: async (message: unknown) => sent.push(message) > 0,
      },
      onDidDispose: new EventEmitter().event,
      reveal,
    };
  },
  registerWebviewPanelSerializer: () => new Disposable(() => {}),
  showErrorMessage: record,
  showWarningMessage: record,
  showInformationMessage: record,
  showOpenDialog: async (options: Readonly<Record<string, unknown>>) => answers.openDialog(options),
  showQuickPick: async (items: readonly unknown[] | Promise<readonly unknown[]>) =>
    answers.quickPick(await items),
};

/** A list that is shown; the tests' user never answers it. */
function quickPick() {
  const events = () => new EventEmitter<never>().event;
  return {
    onDidTriggerButton: events(),
    onDidAccept: events(),
    onDidHide: events(),
    show() {},
    dispose() {},
  };
}

export class Disposable {
  constructor(private readonly release: () => void) {}

  static from(...all: readonly { dispose(): unknown }[]): Disposable {
    return new Disposable(() => {
      for (const each of all) each.dispose();
    });
  }

  dispose(): void {
    this.release();
  }
}

export class EventEmitter<T> {
  private readonly listeners = new Set<(value: T) => unknown>();

  readonly event = (listener: (value: T) => unknown): Disposable => {
    this.listeners.add(listener);
    return new Disposable(() => this.listeners.delete(listener));
  };

  fire(value: T): void {
    for (const listener of [...this.listeners]) listener(value);
  }

  dispose(): void {
    this.listeners.clear();
  }
}

export class Uri {
  private constructor(readonly fsPath: string) {}

  get path(): string {
    return this.fsPath;
  }

  static file(path: string): Uri {
    return new Uri(path);
  }

  static joinPath(base: Uri, ...names: readonly string[]): Uri {
    return new Uri([base.fsPath, ...names].join("/"));
  }

  static parse(address: string): Uri {
    return new Uri(address);
  }
}

export const env = {
  asExternalUri: async (address: Uri) => address,
  openExternal: async ({ path }: Uri) => openedAddresses.push(path) > 0,
};

/** The user does not trust the folder when asked. */
export const debug = { startDebugging: async () => false };

/** The settings that a test has changed, by their whole names. */
export const settings = new Map<string, unknown>();

export const settingChanges = new EventEmitter<{ affectsConfiguration(name: string): boolean }>();

/** The documents that are open, and what happens to them. */
export const textDocuments: unknown[] = [];

/** Trusted, without a folder, on a disk that reports no changes. */
export const workspace = {
  isTrusted: true,
  fs: { createDirectory: async () => {} },
  textDocuments,
  onDidOpenTextDocument: new EventEmitter<never>().event,
  onDidChangeTextDocument: new EventEmitter<never>().event,
  onDidSaveTextDocument: new EventEmitter<never>().event,
  onDidCloseTextDocument: new EventEmitter<never>().event,
  onDidChangeWorkspaceFolders: new EventEmitter<void>().event,
  onDidChangeConfiguration: settingChanges.event,
  createFileSystemWatcher: () => {
    const { event } = new EventEmitter<Uri>();
    return { onDidCreate: event, onDidChange: event, onDidDelete: event, dispose() {} };
  },
  findFiles: async (): Promise<readonly Uri[]> => [],
  onDidGrantWorkspaceTrust: new EventEmitter<void>().event,
  getWorkspaceFolder: () => undefined,
  workspaceFolders: undefined,
  getConfiguration: (section: string) => ({
    get: <T>(name: string, otherwise: T): T => {
      const found = settings.get(`${section}.${name}`);
      return found === undefined ? otherwise : (found as T);
    },
  }),
};

/** The messages of the diagnostics as they were set, oldest first. */
export const shownDiagnostics: (readonly string[])[] = [];

export const languages = {
  createDiagnosticCollection: () => ({
    set: (_uri: unknown, diagnostics: readonly { readonly message: string }[]) =>
      shownDiagnostics.push(diagnostics.map(({ message }) => message)),
    delete() {},
    dispose() {},
  }),
  registerCodeActionsProvider: () => new Disposable(() => {}),
};

export const DiagnosticSeverity = { Error: 0, Warning: 1 };

export const CodeActionKind = { QuickFix: "quickfix" };

export class Range {
  constructor(
    readonly startLine: number,
    readonly startColumn: number,
    readonly endLine: number,
    readonly endColumn: number,
  ) {}
}

export class Diagnostic {
  constructor(
    readonly range: Range,
    readonly message: string,
    readonly severity: number,
  ) {}
}

export class RelativePattern {
  constructor(
    readonly base: Uri,
    readonly pattern: string,
  ) {}
}

export class ThemeColor {
  constructor(readonly id: string) {}
}

export class ThemeIcon {
  constructor(
    readonly id: string,
    readonly color?: ThemeColor,
  ) {}
}

export const TreeItemCollapsibleState = { None: 0, Collapsed: 1, Expanded: 2 };

export class TreeItem {
  constructor(
    readonly label: unknown,
    readonly collapsibleState: number,
  ) {}
}

export class MarkdownString {
  constructor(public value: string) {}

  appendMarkdown(text: string): this {
    this.value += text;
    return this;
  }

  appendText(text: string): this {
    return this.appendMarkdown(text);
  }
}

/** The other extensions, as a test says: by default, there are none. */
export const extensions: { getExtension: (id: string) => unknown } = { getExtension: () => undefined };

export const ViewColumn = { Active: -1, Beside: -2 };

/** The commands of VS Code that the code has run, with their arguments, oldest first. */
export const executedCommands: (readonly unknown[])[] = [];

export const commands = {
  executeCommand: async (...command: readonly unknown[]): Promise<undefined> => {
    executedCommands.push(command);
  },
};

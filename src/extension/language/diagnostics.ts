/** Diagnostics of configurations from the command line's checks, with quick fixes. */

import { isDeepStrictEqual } from "node:util";
import * as vscode from "vscode";
import { type Config, furtherProblems, loadConfig } from "../../config/config.ts";
import { checkForEngine, engineNamed } from "../../config/engine-checks.ts";
import { errorMessage } from "../../facts/errors.ts";
import type { Problem } from "../../facts/run-events.ts";
import { commandLink } from "../workspace/command-link.ts";
import { LANGUAGE } from "../workspace/recognize.ts";
import { baseFolder } from "./documents.ts";
import { imageChecks } from "./load-image-checks.ts";
import { problemFixes, problemRange, type TextRange } from "./problem-fixes.ts";

/** Debounce of checking the text, and of opening images. */
const CHECK_DELAY_MS = 200;
const IMAGE_DELAY_MS = 600;

/** Excludes the old versions that a diff editor shows. */
const SCHEMES = ["file", "untitled"];

const SEVERITIES = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
} as const;

const rangeOf = ({ startLine, startColumn, endLine, endColumn }: TextRange) =>
  new vscode.Range(startLine, startColumn, endLine, endColumn);

/** An earlier problem, moved to the current place of its key. */
function atItsKey(config: Config, problem: Problem): Problem {
  if (problem.key === undefined) return problem;
  const { line, column } = config.placeOf(problem.key);
  return { ...problem, line, column };
}

/** A configuration in an untrusted folder must not make the editor connect to another computer. */
const mayTouchNetwork = () => vscode.workspace.isTrusted;

/** The engine that trains a document, by the setting `biapy.engine`. */
export const engineOf = ({ uri }: vscode.TextDocument) =>
  engineNamed(vscode.workspace.getConfiguration("biapy", uri).get("engine", ""));

/** Offers another engine for what the embedded one does not support. */
function switchAction(diagnostic: vscode.Diagnostic): vscode.CodeAction {
  const title = "Switch to BiaPy's Engine…";
  const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
  action.command = commandLink("biapy.selectEngine", title);
  action.diagnostics = [diagnostic];
  return action;
}

/** Keeps the diagnostics of all open configurations up to date and offers their fixes. */
export class ConfigurationDiagnostics implements vscode.CodeActionProvider, vscode.Disposable {
  private readonly collection = vscode.languages.createDiagnosticCollection("biapy");
  /** The diagnostics shown, by document. */
  private readonly shown = new Map<string, readonly { diagnostic: vscode.Diagnostic; problem: Problem }[]>();
  /** Problems of the images from their last inspection, by document. */
  private readonly images = new Map<string, readonly Problem[]>();
  /** The checks that were scheduled last, by document. */
  private readonly timers = new Map<string, NodeJS.Timeout[]>();
  private readonly subscriptions: vscode.Disposable;

  constructor(private readonly context: vscode.ExtensionContext) {
    this.subscriptions = vscode.Disposable.from(
      this.collection,
      vscode.workspace.onDidOpenTextDocument((document) => this.schedule(document)),
      vscode.workspace.onDidChangeTextDocument(({ document }) => this.schedule(document)),
      vscode.workspace.onDidSaveTextDocument((document) => this.schedule(document)),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (!change.affectsConfiguration("biapy.engine")) return;
        for (const document of vscode.workspace.textDocuments) this.schedule(document);
      }),
      vscode.workspace.onDidCloseTextDocument((document) => this.forget(document.uri)),
      vscode.languages.registerCodeActionsProvider({ language: LANGUAGE }, this, {
        providedCodeActionKinds: [vscode.CodeActionKind.QuickFix],
      }),
    );
    for (const document of vscode.workspace.textDocuments) this.schedule(document);
  }

  dispose(): void {
    for (const { uri } of vscode.workspace.textDocuments) this.forget(uri);
    this.subscriptions.dispose();
  }

  provideCodeActions(
    document: vscode.TextDocument,
    _range: vscode.Range,
    { diagnostics }: vscode.CodeActionContext,
  ): vscode.CodeAction[] {
    const asked = (this.shown.get(document.uri.toString()) ?? []).filter(({ diagnostic }) =>
      diagnostics.some(
        ({ message, range }) => message === diagnostic.message && range.isEqual(diagnostic.range),
      ),
    );
    return asked.flatMap(({ diagnostic, problem }) => {
      const switching = problem.ofEmbeddedEngine === true ? [switchAction(diagnostic)] : [];
      const fixes = problemFixes(document.getText(), problem).map(({ title, edits }) => {
        const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
        action.edit = new vscode.WorkspaceEdit();
        for (const { range, text } of edits) action.edit.replace(document.uri, rangeOf(range), text);
        action.diagnostics = [diagnostic];
        action.isPreferred = switching.length === 0;
        return action;
      });
      return [...switching, ...fixes];
    });
  }

  private schedule(document: vscode.TextDocument): void {
    if (document.languageId !== LANGUAGE || !SCHEMES.includes(document.uri.scheme)) return;
    const id = document.uri.toString();
    this.timers.get(id)?.forEach(clearTimeout);
    this.timers.set(id, [
      setTimeout(() => this.check(document), CHECK_DELAY_MS),
      setTimeout(() => void this.checkWithImages(document), IMAGE_DELAY_MS),
    ]);
  }

  private check(document: vscode.TextDocument): void {
    if (document.isClosed) return;
    const { problems, config, sound } = this.read(document);
    const id = document.uri.toString();
    // Problems of images stay until the images are inspected again.
    const images = sound ? (this.images.get(id) ?? []) : [];
    // After an edit the same diagnostics are set again too: text that was deleted and put back has lost its underline.
    this.shown.delete(id);
    this.show(document, [...problems, ...images.map((problem) => atItsKey(config, problem))]);
  }

  private async checkWithImages(document: vscode.TextDocument): Promise<void> {
    if (document.isClosed) return;
    const id = document.uri.toString();
    const scheduled = this.timers.get(id);
    const { problems, config, sound } = this.read(document);
    // BiaPy reads more kinds of images than the embedded engine.
    const ours = sound && engineOf(document) === "embedded";
    const found = ours ? await this.imageProblems(document, config) : [];
    // The text, or the engine, is another one by now, or the document is closed.
    if (this.timers.get(id) !== scheduled) return;
    this.images.set(id, found);
    this.show(document, [...problems, ...found]);
  }

  /** Problems of the images, or the problem that they could not be inspected. */
  private async imageProblems(document: vscode.TextDocument, config: Config): Promise<readonly Problem[]> {
    try {
      return await imageChecks(this.context).check(
        document.uri.fsPath,
        document.getText(),
        baseFolder(document),
        mayTouchNetwork(),
      );
    } catch (error) {
      const reason = errorMessage(error);
      return [{ ...config.problem("DATA.TRAIN.PATH", `${reason}.`), severity: "warning" }];
    }
  }

  /** Returns the problems that the command line would report. Images are opened only if the text was loaded without errors (`sound`). */
  private read(document: vscode.TextDocument): { problems: Problem[]; config: Config; sound: boolean } {
    const { config, problems } = loadConfig(document.uri.fsPath, document.getText());
    const readable = config.document.entries.length > 0;
    return {
      config,
      sound: problems.every(({ severity }) => severity !== "error"),
      problems: [
        ...problems,
        ...(readable
          ? furtherProblems(
              problems,
              checkForEngine(engineOf(document), config, baseFolder(document), mayTouchNetwork()),
            )
          : []),
      ],
    };
  }

  private show(document: vscode.TextDocument, problems: readonly Problem[]): void {
    const text = document.getText();
    const shown = problems.map((problem) => {
      const range = rangeOf(problemRange(text, problem));
      const diagnostic = new vscode.Diagnostic(range, problem.message, SEVERITIES[problem.severity]);
      diagnostic.source = "BiaPy";
      diagnostic.code = problem.key;
      return { diagnostic, problem };
    });
    const id = document.uri.toString();
    // Setting diagnostics, even the same ones, ends a list of quick fixes that is just opening.
    if (isDeepStrictEqual(shown, this.shown.get(id))) return;
    this.shown.set(id, shown);
    this.collection.set(
      document.uri,
      shown.map(({ diagnostic }) => diagnostic),
    );
  }

  private forget(uri: vscode.Uri): void {
    const id = uri.toString();
    this.timers.get(id)?.forEach(clearTimeout);
    this.timers.delete(id);
    this.images.delete(id);
    this.shown.delete(id);
    this.collection.delete(uri);
  }
}

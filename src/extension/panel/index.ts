import * as vscode from "vscode";
import type { PanelState } from "../../protocol/panel-messages.ts";
import type { RunSource } from "../runs/run-source.ts";
import { imageReader } from "../viewer/index.ts";
import { PAGE_OPTIONS } from "../viewer/webview-page.ts";
import { markDone } from "../workspace/walkthrough-steps.ts";
import { TrainingPage } from "./training-page.ts";

const TRAINING_PANEL = "biapy.trainingPanel";

/** How the panel is shown. */
export interface ShowOptions {
  /** Whether the panel takes the focus. Defaults to false: the user may be typing when a training starts. */
  readonly takesFocus?: boolean;
}

/** The training panel, whether it is open or not. */
export interface TrainingPanel {
  /** Opens the panel beside the editor, or brings it to the front, with a run's curves and images. Defaults to the newest run. */
  show(run?: string, options?: ShowOptions): void;
  /** Whether the panel is visible with this run. */
  isShowing(run: string): boolean;
  /** Compares runs. */
  compare(runs: readonly string[], options?: ShowOptions): void;
}

/** Registers the training panel, which comes back when the window is reloaded. Returns what opens it. */
export function registerTrainingPanel(context: vscode.ExtensionContext, runs: RunSource): TrainingPanel {
  let page: TrainingPage | undefined;

  const attach = (panel: vscode.WebviewPanel, state: PanelState): TrainingPage => {
    const attached = new TrainingPage(panel, context, runs, imageReader(context), state);
    panel.iconPath = vscode.Uri.joinPath(context.extensionUri, "media", "icon.png");
    page = attached;
    panel.onDidDispose(() => {
      if (page === attached) page = undefined;
    });
    return attached;
  };

  const open = (state: PanelState, { takesFocus = false }: ShowOptions = {}): void => {
    if (page !== undefined) {
      page.show(state, takesFocus);
      return;
    }
    const column = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: !takesFocus };
    attach(vscode.window.createWebviewPanel(TRAINING_PANEL, "Training", column, PAGE_OPTIONS), state);
  };

  context.subscriptions.push(
    vscode.window.registerWebviewPanelSerializer(TRAINING_PANEL, {
      deserializeWebviewPanel: async (panel, state?: PanelState) => {
        attach(panel, state ?? {});
      },
    }),
  );
  return {
    show: (run, options) => {
      open({ run }, options);
      if (runs.runs.length > 0) markDone("watch");
    },
    isShowing: (run) => page?.isShowing(run) ?? false,
    compare: ([run, ...compared], options) => open({ run, compared }, options),
  };
}

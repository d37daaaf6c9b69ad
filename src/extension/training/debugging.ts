/** Debugging a training: a run that waits for a debugger, and the session that attaches to it. */
import * as vscode from "vscode";
import type { Services } from "../commands/services.ts";
import { ONLY_TRUST } from "../workspace/trust.ts";

interface Launch extends vscode.DebugConfiguration {
  readonly config: string;
  readonly resultDir?: string;
  readonly jobName?: string;
  readonly runId?: number;
  readonly stopOnEntry?: boolean;
}

/** Names the run in the session that debugs it. */
export const RUN = "biapyRun";

/** Debugs the configuration that is being edited. */
const EDITED: Launch = {
  type: "biapy",
  request: "launch",
  name: "Debug BiaPy training",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the editor's own placeholder
  config: "${file}",
};

export function registerDebugging(services: Services): vscode.Disposable {
  const provider: vscode.DebugConfigurationProvider = {
    provideDebugConfigurations: () => [EDITED],
    /** F5 on a configuration, without a launch.json. */
    resolveDebugConfiguration(_folder, configuration) {
      if (configuration[ONLY_TRUST]) return undefined;
      return configuration.type ? configuration : EDITED;
    },
    /**
     * The attaching session is separate and of another type, whose extension completes it; there is no session of
     * type `biapy`.
     */
    async resolveDebugConfigurationWithSubstitutedVariables(folder, configuration) {
      const { startDebuggedRun } = await import("../commands/debug.ts");
      const { name, config, resultDir, jobName, runId, stopOnEntry } = configuration as Launch;
      const wishes = { resultDir, name: jobName, runId };
      const started = await startDebuggedRun(services, vscode.Uri.file(config), wishes);
      if (started === undefined) return undefined;
      const session = { ...started.session, name, [RUN]: started.run };
      const stopping = stopOnEntry ? { continueOnAttach: false, stopOnEntry: true } : {};
      if (!(await vscode.debug.startDebugging(folder, { ...session, ...stopping })))
        services.runs.kill(started.run);
      return undefined;
    },
  };
  return vscode.Disposable.from(
    vscode.debug.registerDebugConfigurationProvider("biapy", provider),
    // Ending the debug session also stops the training.
    vscode.debug.onDidTerminateDebugSession(({ configuration, parentSession }) => {
      const run: unknown = configuration[RUN];
      if (typeof run === "string" && parentSession === undefined) void services.runs.stop(run);
    }),
  );
}

/** Debugging a training: a run that waits for a debugger, and the session that attaches to it. */
import * as v from "valibot";
import * as vscode from "vscode";
import type { Services } from "../commands/services.ts";
import { ONLY_TRUST } from "../workspace/trust.ts";
import { checkedDefinition, runNumber } from "./checked-definition.ts";

/** A debug configuration of type `biapy`; package.json describes its keys. */
const launch = v.object({
  name: v.string(),
  config: v.string(),
  resultDir: v.optional(v.string()),
  jobName: v.optional(v.string()),
  runId: v.optional(runNumber),
  stopOnEntry: v.optional(v.boolean(), false),
});

/** Names the run in the session that debugs it. */
export const RUN = "biapyRun";

/** Debugs the configuration that is being edited. */
const EDITED: vscode.DebugConfiguration = {
  type: "biapy",
  request: "launch",
  name: "Debug BiaPy training",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the editor's own placeholder
  config: "${file}",
};

/** Registers debugging of type `biapy`. */
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
      const given = checkedDefinition(launch, configuration, "launch.json");
      const { name, config, resultDir, jobName, runId, stopOnEntry } = given;
      const wishes = { resultDir, name: jobName, runId };
      const started = await startDebuggedRun(services, vscode.Uri.file(config), wishes);
      if (started === undefined) return undefined;
      const session = {
        ...started.session,
        ...(stopOnEntry ? { continueOnAttach: false, stopOnEntry: true } : {}),
        name,
        [RUN]: started.run,
      };
      if (!(await vscode.debug.startDebugging(folder, session))) services.runs.kill(started.run);
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

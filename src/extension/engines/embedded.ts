/** The engine that comes with the extension: our command line, run by Node.js. */

import { existsSync } from "node:fs";
import { wholeNumber } from "../../engines/arguments.ts";
import { ENGINE_LABELS } from "../../facts/engine-labels.ts";
import { resultTree } from "../../facts/result-tree.ts";
import { runArguments } from "../../facts/run-arguments.ts";
import { findNode, type NodeRuntime } from "../../runs/node-runtime.ts";
import { ANY_DEVICE } from "../../runs/queue.ts";
import type { RunCommand, RunOrder } from "../../runs/record.ts";
import type { Engine } from "./engine.ts";

/**
 * @param bundle the command line's file, `dist/cli.mjs`
 * @param nodeSetting path of Node.js; empty to find one
 * @param runtimeSetting value of `--runtime`; empty for the default
 * @param precisionSetting value of `--precision`
 * @param partSizeSetting value of `--part_size`; 0 for the whole batch
 */
export function embeddedEngine(
  bundle: string,
  nodeSetting: () => string,
  runtimeSetting: () => string = () => "",
  precisionSetting: () => string = () => "single",
  partSizeSetting: () => number = () => 0,
): Engine {
  const node = async (): Promise<NodeRuntime> => {
    const found = await findNode(nodeSetting());
    if (typeof found === "string") throw new Error(found);
    return found;
  };
  const command = async (order: RunOrder, nodeArgs: readonly string[] = []): Promise<RunCommand> => {
    const { command, env } = await node();
    const args = [
      ...nodeArgs,
      bundle,
      ...orderArguments(order),
      ...runtimeArguments(runtimeSetting()),
      ...(precisionSetting() === "mixed" ? ["--precision", "mixed"] : []),
      ...partArguments(partSizeSetting()),
      "--events",
    ];
    return { command, args, env, cwd: order.workingDirectory, output: "events" };
  };
  return {
    id: "embedded",
    label: ENGINE_LABELS.embedded,
    description: "trains on this computer, without Python",
    async detect() {
      const found = await findNode(nodeSetting());
      return typeof found === "string"
        ? {
            available: false,
            reason: found,
            fix: "Correct or clear the setting biapy.run.nodePath.",
            remedy: NODE_SETTING,
          }
        : { available: true, detail: found.label };
    },
    // Without a choice, the trainer takes the fastest device that it finds.
    device: ({ gpu }) => (gpu === "" ? ANY_DEVICE : /\d/.test(gpu) ? `gpu:${gpu}` : "cpu"),
    command,
    canResume: (order) =>
      // A run that has a state but no checkpoint starts from the beginning, and says so.
      existsSync(resultTree(order.resultDirectory, order.name, order.runId).stateFile),
    async debug(order, port) {
      const files = bundle.replace(/[^/\\]*$/, "**/*.mjs").replaceAll("\\", "/");
      return {
        ...(await command(order, [`--inspect-brk=127.0.0.1:${port}`, "--enable-source-maps"])),
        session: {
          type: "node",
          request: "attach",
          address: "127.0.0.1",
          port,
          continueOnAttach: true,
          sourceMaps: true,
          outFiles: [files],
          resolveSourceMapLocations: [files],
          skipFiles: ["<node_internals>/**"],
        },
      };
    },
  };
}

const NODE_SETTING = {
  title: "Open the Setting",
  command: "workbench.action.openSettings",
  arguments: ["biapy.run.nodePath"],
};

function orderArguments(order: RunOrder): string[] {
  const device = order.gpu === "" ? [] : ["--gpu", order.gpu];
  return [...runArguments(order), ...device, ...(order.resume ? ["--resume"] : [])];
}

const runtimeArguments = (runtime: string) => (runtime === "" ? [] : ["--runtime", runtime]);

function partArguments(size: number): string[] {
  const checked = wholeNumber(size, "The setting biapy.run.partSize");
  return checked === 0 ? [] : ["--part_size", String(checked)];
}

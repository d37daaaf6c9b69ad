/** The engine that comes with the extension: our command line, run by Node.js. */

import { existsSync } from "node:fs";
import { wholeNumber } from "../../engines/arguments.ts";
import { ENGINE_LABELS } from "../../facts/engine-labels.ts";
import { fileThreads } from "../../facts/file-threads.ts";
import { requestedGpu } from "../../facts/requested-gpu.ts";
import { resultTree } from "../../facts/result-tree.ts";
import { runArguments } from "../../facts/run-arguments.ts";
import { findNode, type NodeRuntime } from "../../runs/node-runtime.ts";
import { ANY_DEVICE } from "../../runs/queue.ts";
import type { RunCommand, RunOrder } from "../../runs/record.ts";
import type { Engine } from "./engine.ts";

/** The settings `biapy.run` that the engine reads. */
export interface EmbeddedSettings {
  /** Path of Node.js; empty to find one. */
  readonly nodePath: string;
  /** Value of `--runtime`; empty for the default. */
  readonly runtime: string;
  /** Value of `--precision`. */
  readonly precision: string;
  /** Value of `--part_size`; 0 for the whole batch. */
  readonly partSize: number;
}

/**
 * @param bundle the command line's file, `dist/cli.mjs`
 * @param settings returns the current settings
 */
export function embeddedEngine(bundle: string, settings: () => EmbeddedSettings): Engine {
  const node = async (): Promise<NodeRuntime> => {
    const found = await findNode(settings().nodePath);
    if (typeof found === "string") throw new Error(found);
    return found;
  };
  const command = async (order: RunOrder, nodeArgs: readonly string[] = []): Promise<RunCommand> => {
    const { command, env } = await node();
    const { runtime, precision, partSize } = settings();
    const args = [
      ...nodeArgs,
      bundle,
      ...orderArguments(order),
      ...(runtime === "" ? [] : ["--runtime", runtime]),
      ...(precision === "" || precision === "single" ? [] : ["--precision", precision]),
      ...partArguments(partSize),
      "--events",
    ];
    return {
      command,
      args,
      env: { ...env, ...fileThreads() },
      cwd: order.workingDirectory,
      output: "events",
    };
  };
  return {
    id: "embedded",
    label: ENGINE_LABELS.embedded,
    description: "trains on this computer, without Python",
    async detect() {
      const found = await findNode(settings().nodePath);
      return typeof found === "string"
        ? {
            available: false,
            reason: found,
            fix: "Correct or clear the setting biapy.run.nodePath.",
            remedy: NODE_SETTING,
          }
        : { available: true, detail: found.label };
    },
    device: ({ gpu }) => deviceOf(gpu),
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

/** Returns the device that a run occupies. Without a choice, the trainer takes the fastest device that it finds. */
function deviceOf(gpu: string): string {
  const requested = gpu === "" ? "automatic" : requestedGpu(gpu);
  if (requested === "automatic") return ANY_DEVICE;
  return requested === "none" ? "cpu" : `gpu:${requested}`;
}

function partArguments(size: number): string[] {
  const checked = wholeNumber(size, "The setting biapy.run.partSize");
  return checked === 0 ? [] : ["--part_size", String(checked)];
}

/** BiaPy in its container. */

import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pretextTask } from "../../config/basics.ts";
import { type Config, loadConfig } from "../../config/config.ts";
import type { TextKey } from "../../config/key-names.ts";
import { occupiedDevices } from "../../engines/biapy-command.ts";
import { containerPath, dockerCommands, dockerState } from "../../engines/docker.ts";
import { resumable, runConfiguration } from "../../engines/run-configuration.ts";
import { ENGINE_LABELS } from "../../facts/engine-labels.ts";
import { createFolder } from "../../facts/files/create-folder.ts";
import type { RunOrder } from "../../runs/record.ts";
import type { Engine } from "./engine.ts";

/** @param image the setting `biapy.docker.image` */
export function dockerEngine(image: () => string): Engine {
  return {
    id: "docker",
    label: ENGINE_LABELS.docker,
    description: "runs BiaPy's container, with nothing to install but Docker",
    async detect() {
      const state = await dockerState();
      return state.available
        ? { available: true, detail: `Docker ${state.version}, image ${image()}` }
        : state;
    },
    device: ({ gpu }) => occupiedDevices(gpu),
    async command(order) {
      // Docker mounts only folders that exist.
      await createFolder(order.resultDirectory);
      const { config } = loadConfig(order.configFile);
      const data = dataPaths(config, order.workingDirectory);
      const entries = Object.entries(data).map(([key, path]) => [key, containerPath(path)] as const);
      const inContainer = Object.fromEntries(entries.filter(([key, path]) => path !== data[key]));
      const { run, stop, kill } = dockerCommands({
        ...order,
        configFile: await runConfiguration(order, false, inContainer),
        image: image(),
        dataPaths: mountedPaths(config, data),
        workingDirectory: order.workingDirectory,
      });
      return { ...run, stop, kill, cwd: order.workingDirectory, output: "biapy" };
    },
    canResume: (order: RunOrder) => resumable(order) !== undefined,
  };
}

const FOLDERS = (["DATA.TRAIN", "DATA.VAL", "DATA.TEST"] as const).flatMap(
  (part) => [`${part}.PATH`, `${part}.GT_PATH`] as const,
);
const KEYS: readonly TextKey[] = [...FOLDERS, "PATHS.CHECKPOINT_FILE"];

/** Returns the existing files and folders that a configuration names, absolute, by key. */
function dataPaths(config: Config, workingDirectory: string): Record<string, string> {
  const written = KEYS.filter((key) => config.sets(key) && config.text(key) !== "");
  const paths = written.map((key) => [key, resolve(workingDirectory, config.text(key))] as const);
  return Object.fromEntries(paths.filter(([, path]) => existsSync(path)));
}

/** Returns the paths to mount. BiaPy writes degraded copies beside a folder of images, which needs the folder above it. */
function mountedPaths(config: Config, data: Readonly<Record<string, string>>): string[] {
  const beside = pretextTask(config) === "crappify";
  return Object.entries(data).map(([key, path]) => {
    if (key === "PATHS.CHECKPOINT_FILE") return dirname(path);
    return beside ? dirname(path) : path;
  });
}

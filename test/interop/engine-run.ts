/** Training by BiaPy's engine as the extension does it: the engine's command, a supervisor of its own, a window that follows. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { biapyEngine } from "../../src/extension/engines/biapy.ts";
import type { Engine } from "../../src/extension/engines/engine.ts";
import type { RunEvent } from "../../src/facts/run-events.ts";
import { writeTiff } from "../../src/images/tiff-writer.ts";
import { LiveRun } from "../../src/runs/live-run.ts";
import type { RunCommand, RunOrder } from "../../src/runs/record.ts";
import { bundleProgram, startRun } from "../../src/runs/start-run.ts";
import { bundleProcess } from "../support/bundle.ts";
import { python } from "./python.ts";

/** The engine of the Python that the tests have. */
export function realBiapy(): Engine {
  const named = [{ python, origin: "setting" as const }];
  return biapyEngine({
    places: async () => ({ named, folders: [], environment: {} }),
    machines: () => undefined,
  });
}

export type Shape = readonly [z: number, y: number, x: number];

/** A folder with images, configurations and results, and the supervisor's bundle. */
export class Workplace {
  readonly folder = mkdtempSync(join(tmpdir(), "biapy-engine-"));
  private readonly bundle = join(this.folder, "supervisor.mjs");

  static async make(): Promise<Workplace> {
    const place = new Workplace();
    await bundleProcess("src/engines/supervisor.ts", place.bundle);
    return place;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Writes images of waves with a little noise, and gives their folder. */
  async images(name: string, count: number, shape: Shape): Promise<string> {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    const [depth, height, width] = shape;
    for (let index = 0; index < count; index++) {
      const data = new Uint8Array(depth * height * width);
      for (let at = 0; at < data.length; at++) {
        const [x, y, z] = [at % width, Math.floor(at / width) % height, Math.floor(at / width / height)];
        const wave = Math.sin((x + 5 * index) / 5) + Math.cos(y / 7) + Math.sin(z / 3);
        data[at] = 120 + 35 * wave + ((at * 7919) % 13);
      }
      await writeTiff(join(folder, `image${index}.tif`), { shape: [...shape, 1], sampleType: "uint8", data });
    }
    return folder;
  }

  order(name: string, configuration: string, changes: Partial<RunOrder> = {}): RunOrder {
    const configFile = join(this.folder, `${name}.biapy.yaml`);
    writeFileSync(configFile, configuration);
    return {
      configFile,
      resultDirectory: join(this.folder, "results"),
      name,
      runId: 1,
      resume: false,
      gpu: "",
      workingDirectory: this.folder,
      ...changes,
    };
  }

  /** Starts a run; what comes back follows it. */
  async start(order: RunOrder, command?: RunCommand, stopSeconds = 20): Promise<FollowedRun> {
    const files = await startRun(
      {
        order,
        engine: "biapy",
        queue: join(this.folder, "queue"),
        command: command ?? (await realBiapy().command(order)),
        stopSeconds,
      },
      bundleProgram(this.bundle),
    );
    const followed = new FollowedRun();
    followed.live = await LiveRun.open(files, followed, true);
    followed.check();
    return followed;
  }

  /** Trains to the end. */
  async train(order: RunOrder, command?: RunCommand): Promise<FollowedRun> {
    const run = await this.start(order, command);
    await run.ended();
    return run;
  }
}

/** A run as a window of the editor sees it. */
export class FollowedRun {
  live: LiveRun | undefined;
  private readonly waiting = new Set<() => void>();

  changed(): void {
    this.check();
  }

  received(): void {
    this.check();
  }

  check(): void {
    for (const look of this.waiting) look();
  }

  async events(): Promise<readonly RunEvent[]> {
    return (await this.live?.events()) ?? [];
  }

  /** All events of a kind. */
  async of<K extends RunEvent["event"]>(kind: K): Promise<Extract<RunEvent, { event: K }>[]> {
    const all = await this.events();
    return all.filter((event): event is Extract<RunEvent, { event: K }> => event.event === kind);
  }

  /** Waits for an event of a kind, or the end. */
  async until(kind: RunEvent["event"]): Promise<void> {
    await this.when(async () => this.isOver || (await this.of(kind)).length > 0);
  }

  async ended(): Promise<void> {
    await this.when(async () => this.isOver);
    this.live?.close();
  }

  private get isOver(): boolean {
    return this.live?.record.ended !== undefined || this.live?.status === "interrupted";
  }

  private when(condition: () => Promise<boolean>): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        void condition().then((met) => {
          if (!met) return;
          this.waiting.delete(look);
          resolve();
        });
      };
      this.waiting.add(look);
      look();
    });
  }
}

/** A self-supervised configuration that takes BiaPy seconds. */
export function configuration(parts: {
  readonly ndim: "2D" | "3D";
  readonly task: "masking" | "crappify";
  readonly train: string;
  readonly test: string;
  /** Keys of MODEL, in YAML's flow style without braces. */
  readonly model: string;
  readonly patch: string;
  readonly epochs?: number;
  readonly more?: string;
}): string {
  return `PROBLEM:
  TYPE: SELF_SUPERVISED
  NDIM: ${parts.ndim}
  SELF_SUPERVISED:
    PRETEXT_TASK: ${parts.task}
    RESIZING_FACTOR: 2
SYSTEM:
  NUM_CPUS: 1
  SEED: 1
DATA:
  PATCH_SIZE: ${parts.patch}
  REFLECT_TO_COMPLETE_SHAPE: True
  TRAIN:
    PATH: ${parts.train}
    IN_MEMORY: True
  VAL:
    FROM_TRAIN: True
    SPLIT_TRAIN: 0.25
    IN_MEMORY: True
  TEST:
    PATH: ${parts.test}
    IN_MEMORY: True
    ${parts.task === "crappify" ? "LOAD_GT: True" : ""}
MODEL: {${parts.model}}
TRAIN:
  ENABLE: True
  EPOCHS: ${parts.epochs ?? 2}
  BATCH_SIZE: 4
  OPTIMIZER: ADAMW
  LR: 1.E-3
TEST:
  ENABLE: True
${parts.more ?? ""}`;
}

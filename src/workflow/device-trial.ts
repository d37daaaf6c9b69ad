/** Measures which device computes a training step fastest, and remembers it. */

import { join } from "node:path";
import { crc32 } from "node:zlib";
import * as v from "valibot";
import { entryOf } from "../facts/checked-lists.ts";
import { errorMessage } from "../facts/errors.ts";
import { parseJson, readTextSync } from "../facts/files/regular-file.ts";
import { writeFileAtomically } from "../facts/files/write-file.ts";
import { cacheFolder } from "../install/storage.ts";
import { allocate } from "../runtime/buffers.ts";
import { declaredWeights } from "../runtime/declared-weights.ts";
import type { Devices, Gpu } from "../runtime/devices.ts";
import type { Runtime, TrainingStep } from "../runtime/executable.ts";
import { openGpu, openRuntime, type RuntimeName } from "../runtime/open-runtime.ts";
import type { TrainingSettings } from "../runtime/optimizer-settings.ts";
import { Parameters } from "../runtime/parameters.ts";
import type { Program } from "../runtime/program.ts";
import { compileTraining } from "../training/training-step.ts";

/** How to compute on the CPU. */
export interface CpuWish {
  /** Defaults to the fastest one that runs here. */
  readonly runtime: RuntimeName | undefined;
  readonly threads: number;
}

/** The step to compute in a trial. */
export interface Work {
  readonly program: Program;
  readonly training: TrainingSettings;
}

export interface ChoiceReport {
  info(message: string): void;
  warn(message: string): void;
  progress(label: string, done: number, total: number): void;
}

const TRIAL_SECONDS = 0.5;

/** A way to compute, with its id in the stored trials. */
interface Candidate {
  readonly id: string;
  open(): Promise<Runtime>;
}

/** Results of trials of one kind of step: seconds per step by candidate id. */
const measuredSchema = v.record(v.string(), v.number());
type Measured = Readonly<v.InferOutput<typeof measuredSchema>>;
const trialsSchema = v.record(v.string(), measuredSchema);
/** Maximum size of the file of trials. */
const MOST_BYTES = 1 << 20;

/** Opens the fastest of the CPU and some GPUs, by a trial or the stored result of an earlier one. */
export async function fastest(
  gpus: readonly Gpu[],
  devices: Devices,
  wish: CpuWish,
  work: Work,
  report: ChoiceReport,
): Promise<Runtime> {
  const candidates: Candidate[] = [
    { id: "cpu", open: () => openRuntime(wish.runtime, wish.threads, report.warn) },
    ...gpus.flatMap((gpu) =>
      gpu.routes.map((route) => ({
        id: `${route}:${gpu.index}`,
        open: () => openGpu(gpu, route, wish.threads),
      })),
    ),
  ];
  const measured = await knownOrTried(new TrialMemory(signature(devices, wish, work)), () =>
    tryAll(candidates, work, report),
  );
  const order = candidates
    .flatMap((candidate) => {
      const seconds = measured[candidate.id];
      return seconds === undefined ? [] : [{ ...candidate, seconds }];
    })
    .sort((one, other) => one.seconds - other.seconds);
  for (const { id, open, seconds } of order) {
    try {
      const runtime = await open();
      report.info(`${runtime.device} is used: it was the fastest (${seconds.toPrecision(2)} s per step).`);
      return runtime;
    } catch (error) {
      report.warn(`${id} cannot be opened now: ${errorMessage(error)}. The next fastest device is tried.`);
    }
  }
  return openRuntime(wish.runtime, wish.threads, report.warn);
}

async function knownOrTried(memory: TrialMemory, tryDevices: () => Promise<Measured>): Promise<Measured> {
  const known = memory.read();
  if (known !== undefined) return known;
  const measured = await tryDevices();
  await memory.write(measured);
  return measured;
}

async function tryAll(candidates: readonly Candidate[], work: Work, report: ChoiceReport): Promise<Measured> {
  const measured: Record<string, number> = {};
  for (const [index, { id, open }] of candidates.entries()) {
    report.progress("Trying devices", index, candidates.length);
    try {
      const runtime = await open();
      try {
        const seconds = await secondsPerStep(runtime, work);
        measured[id] = seconds;
        report.info(`${runtime.device}: ${seconds.toPrecision(2)} s per step.`);
      } finally {
        runtime.release?.();
      }
    } catch (error) {
      report.info(`${id} is not used: ${errorMessage(error)}.`);
    }
  }
  report.progress("Trying devices", candidates.length, candidates.length);
  return measured;
}

/** Returns the time of a step, measured for half a second after a first step that compiles. */
export async function secondsPerStep(runtime: Runtime, { program, training }: Work): Promise<number> {
  const parameters = new Parameters(declaredWeights(program), { trainable: true, threads: runtime.threads });
  let step: TrainingStep | undefined;
  try {
    parameters.initialize(1);
    step = compileTraining(runtime, program, parameters, training);
    fillWithNoise(program, step);
    await step.run(0, 0);
    const started = performance.now();
    let steps = 0;
    do {
      await step.run(0, 0);
      steps++;
    } while (performance.now() - started < TRIAL_SECONDS * 1000);
    return (performance.now() - started) / 1000 / steps;
  } finally {
    step?.release();
    await parameters.close();
  }
}

/** Fills the inputs with pixels between 0 and 1; indices stay 0. */
function fillWithNoise(program: Program, { inputs }: Pick<TrainingStep, "inputs">): void {
  for (const [name, spec] of Object.entries(program.inputs)) {
    const values = allocate(spec);
    const noise =
      spec.type === "float32" ? Float32Array.from(values, (_, at) => (at * 0.618034) % 1) : values;
    entryOf(inputs, name).set(noise);
  }
}

/** Returns what determines the speed of a step: the machine's devices and the step. */
function signature(devices: Devices, { threads, runtime }: CpuWish, { program, training }: Work): string {
  const weights = declaredWeights(program).map(({ name, shape }) => [name, shape]);
  const gpus = devices.gpus.map(({ name, routes }) => [name, routes]);
  const parts = [devices.cpu.name, threads, runtime, gpus, program.inputs, weights, training.optimizer.kind];
  const { precision = "single" } = training;
  if (precision !== "single") parts.push(precision);
  return crc32(JSON.stringify(parts)).toString(16).padStart(8, "0");
}

/** Trials of this machine, in a file in the user's cache. */
class TrialMemory {
  private readonly path = join(cacheFolder(), "trials.json");

  constructor(private readonly key: string) {}

  read(): Measured | undefined {
    return this.all()[this.key];
  }

  private all(): Record<string, Measured> {
    try {
      return parseJson(readTextSync(this.path, MOST_BYTES) ?? "{}", trialsSchema);
    } catch {
      return {};
    }
  }

  /** Stores the results. The cache is optional, so write errors are ignored. */
  async write(measured: Measured): Promise<void> {
    await writeFileAtomically(this.path, JSON.stringify({ ...this.all(), [this.key]: measured })).catch(
      () => {},
    );
  }
}

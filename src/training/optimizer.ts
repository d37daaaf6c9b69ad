import type { KernelCall } from "../runtime/kernels/kernel-pool.ts";
import { adamRates, type OptimizerSettings } from "../runtime/optimizer-settings.ts";
import type { Parameters, Segment } from "../runtime/parameters.ts";

/** Updates parameters by their gradients, in place, on all threads of their pool. */
export class Optimizer {
  /** Steps taken so far. */
  steps = 0;

  constructor(
    readonly settings: OptimizerSettings,
    private readonly parameters: Parameters,
  ) {}

  /**
   * Takes one step. Rejects with `KernelError` if a thread ended before its part was done.
   *
   * @param gradientScale factor of the gradients, below 1 where their norm is clipped. Defaults to 1.
   */
  async step(learningRate: number, gradientScale = 1): Promise<void> {
    this.steps++;
    await this.update(this.parameters.segments(), learningRate, gradientScale);
  }

  /** Updates some parameters in the step that {@link steps} counts already. Otherwise as {@link step}. */
  async update(segments: readonly Segment[], learningRate: number, gradientScale = 1): Promise<void> {
    const { pool } = this.parameters;
    const perThread = Array.from({ length: pool.threads }, (_, thread) =>
      segments.map((segment) => this.call(share(segment, thread, pool.threads), learningRate, gradientScale)),
    );
    await pool.run(perThread);
  }

  private call({ memory, count, address }: Segment, learningRate: number, scale: number): KernelCall {
    const { settings, steps } = this;
    if (settings.kind === "sgd") {
      const values = [
        address.weight,
        address.gradient,
        address.first,
        count,
        learningRate,
        settings.momentum,
      ];
      return { memory, kernel: "sgd", values: [...values, settings.weightDecay, scale] };
    }
    const [beta1, beta2] = settings.betas;
    const { rate, correction, shrink } = adamRates(settings, steps, learningRate);
    const coupled = settings.kind === "adam" ? settings.weightDecay : 0;
    const addresses = [address.weight, address.gradient, address.first, address.second, count];
    return {
      memory,
      kernel: "adam",
      values: [...addresses, rate, beta1, beta2, settings.epsilon, correction, 1 - shrink, coupled, scale],
    };
  }
}

const BYTES = 4;
const CACHE_LINE = 16;

/** Returns one thread's part of a segment, split between cache lines. */
function share(segment: Segment, thread: number, threads: number): Segment {
  const lines = segment.count / CACHE_LINE;
  const start = Math.floor((lines * thread) / threads) * CACHE_LINE;
  const end = Math.floor((lines * (thread + 1)) / threads) * CACHE_LINE;
  const { weight, gradient, first, second } = segment.address;
  const shift = start * BYTES;
  return {
    memory: segment.memory,
    count: end - start,
    address: {
      weight: weight + shift,
      gradient: gradient + shift,
      first: first + shift,
      second: second + shift,
    },
  };
}

/** The optimizer's threads: what becomes of a wait when one of them ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { KernelError, KernelPool, sharedMemory } from "../../src/runtime/kernels/kernel-pool.ts";

const COUNT = 64;
const zero = (start: number) => ({ memory: 0, kernel: "zero", values: [start, COUNT] }) as const;

test("calls run on each thread, those in the background first", async () => {
  const memory = sharedMemory(4 * COUNT * 3);
  const values = new Float32Array(memory.buffer, 0, 3 * COUNT).fill(1);
  const pool = new KernelPool([memory], 3);
  pool.runInBackground([zero(0)]);
  await pool.settled();
  assert.equal(values.indexOf(1), COUNT);
  await pool.run([[], [zero(4 * COUNT)], [zero(8 * COUNT)]]);
  assert.equal(values.indexOf(1), -1);
  await pool.close();
});

test("a wait for a thread that fails ends with its reason, and so does every later one", async () => {
  const pool = new KernelPool([sharedMemory(COUNT)], 2);
  const outside = zero(2 ** 31);
  await assert.rejects(
    pool.run([[], [outside]]),
    (error) => error instanceof KernelError && /memory access/.test(error.message),
  );
  await assert.rejects(pool.run([[], [zero(0)]]), KernelError);
  pool.runInBackground([zero(0)]);
  await assert.rejects(pool.settled(), KernelError);
  await pool.close();
});

test("a wait for a pool that is closed meanwhile ends", async () => {
  const pool = new KernelPool([sharedMemory(4 * COUNT)], 2);
  const running = pool.run([[], Array.from({ length: 1000 }, () => zero(0))]);
  await Promise.all([assert.rejects(running, /closed/), pool.close()]);
});

/** The optimizer's threads: the order of their calls, and what a wait ends with when a thread fails or the pool is closed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { KernelError, KernelPool, sharedMemory } from "../../src/runtime/kernels/kernel-pool.ts";

const COUNT = 64;
const zero = (start: number) => ({ memory: 0, kernel: "zero", values: [start, COUNT] }) as const;

test("calls run on each thread", async () => {
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

test("calls in the background run before those that are started later", async () => {
  const memory = sharedMemory(4 * COUNT);
  const values = new Float32Array(memory.buffer, 0, COUNT);
  const pool = new KernelPool([memory], 2);
  pool.runInBackground([{ memory: 0, kernel: "uniform", values: [0, 0, COUNT, 1, 1] }]);
  await pool.settled();
  assert.ok(values.every((value) => value !== 0));
  pool.runInBackground([{ memory: 0, kernel: "uniform", values: [0, 0, COUNT, 2, 1] }]);
  // On this thread, which would run it at once.
  await pool.run([[zero(0)]]);
  await pool.settled();
  assert.deepEqual([...values], Array(COUNT).fill(0));
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

test("a wait for calls that are not done when the pool is closed ends, and so does every later one", async () => {
  const pool = new KernelPool([sharedMemory(4 * COUNT)], 2);
  // No answer of the thread is read before this test waits.
  pool.runInBackground([zero(0)]);
  await Promise.all([assert.rejects(pool.settled(), /closed/), pool.close()]);
  await assert.rejects(pool.run([[], [zero(0)]]), /closed/);
});

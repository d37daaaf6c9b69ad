// AssemblyScript, compiled to WebAssembly SIMD over shared memory by `npm run kernels`.
// Each function works on `count` float32 values at byte addresses; `count` is a multiple of 16 for Adam, of 4 for SGD.

/** Takes {@link adam}'s step for the four values at `offset` from each address. Its settings are vectors of equal numbers. */
@inline
function adamVector(
  offset: usize,
  weight: usize,
  gradient: usize,
  first: usize,
  second: usize,
  rates: v128,
  keep1: v128,
  take1: v128,
  keep2: v128,
  take2: v128,
  epsilons: v128,
  corrections: v128,
  shrink: v128,
  pull: v128,
  scales: v128,
): void {
  const w = v128.load(weight + offset);
  const g = f32x4.add(f32x4.mul(scales, v128.load(gradient + offset)), f32x4.mul(pull, w));
  const m = f32x4.add(f32x4.mul(keep1, v128.load(first + offset)), f32x4.mul(take1, g));
  const v = f32x4.add(f32x4.mul(keep2, v128.load(second + offset)), f32x4.mul(take2, f32x4.mul(g, g)));
  const step = f32x4.div(m, f32x4.add(f32x4.mul(f32x4.sqrt(v), corrections), epsilons));
  v128.store(first + offset, m);
  v128.store(second + offset, v);
  v128.store(weight + offset, f32x4.sub(f32x4.mul(w, shrink), f32x4.mul(rates, step)));
}

/**
 * Takes one step of Adam (Kingma & Ba 2015); `decoupled` decay as AdamW (Loshchilov & Hutter 2019), `coupled` as L2 in the
 * gradient. The gradient is multiplied by `scale` first (clipping). `rate` is the learning rate divided by the first moment's bias
 * correction, `correction` is 1/√(the second moment's bias correction).
 */
export function adam(
  weight: usize,
  gradient: usize,
  first: usize,
  second: usize,
  count: usize,
  rate: f32,
  beta1: f32,
  beta2: f32,
  epsilon: f32,
  correction: f32,
  decoupled: f32,
  coupled: f32,
  scale: f32,
): void {
  const rates = f32x4.splat(rate);
  const keep1 = f32x4.splat(beta1);
  const take1 = f32x4.splat(1 - beta1);
  const keep2 = f32x4.splat(beta2);
  const take2 = f32x4.splat(1 - beta2);
  const epsilons = f32x4.splat(epsilon);
  const corrections = f32x4.splat(correction);
  const shrink = f32x4.splat(1 - decoupled);
  const pull = f32x4.splat(coupled);
  const scales = f32x4.splat(scale);
  // A cache line in each turn, because V8 does not unroll the loop: 111 million values take 74 ms on two cores instead of 91.
  for (let offset: usize = 0, end = count << 2; offset < end; offset += 64) {
    adamVector(offset, weight, gradient, first, second, rates, keep1, take1, keep2, take2, epsilons, corrections, shrink, pull, scales);
    adamVector(offset + 16, weight, gradient, first, second, rates, keep1, take1, keep2, take2, epsilons, corrections, shrink, pull, scales);
    adamVector(offset + 32, weight, gradient, first, second, rates, keep1, take1, keep2, take2, epsilons, corrections, shrink, pull, scales);
    adamVector(offset + 48, weight, gradient, first, second, rates, keep1, take1, keep2, take2, epsilons, corrections, shrink, pull, scales);
  }
}

/** Takes one step of gradient descent with Nesterov's momentum, as PyTorch's SGD; the velocity starts as the first gradient. */
export function sgd(
  weight: usize,
  gradient: usize,
  velocity: usize,
  count: usize,
  rate: f32,
  momentum: f32,
  coupled: f32,
  scale: f32,
): void {
  const rates = f32x4.splat(rate);
  const keep = f32x4.splat(momentum);
  const pull = f32x4.splat(coupled);
  const scales = f32x4.splat(scale);
  for (let offset: usize = 0, end = count << 2; offset < end; offset += 16) {
    const w = v128.load(weight + offset);
    const g = f32x4.add(f32x4.mul(scales, v128.load(gradient + offset)), f32x4.mul(pull, w));
    const u = f32x4.add(f32x4.mul(keep, v128.load(velocity + offset)), g);
    v128.store(velocity + offset, u);
    v128.store(weight + offset, f32x4.sub(w, f32x4.mul(rates, f32x4.add(g, f32x4.mul(keep, u)))));
  }
}

/** Returns a well-mixed 32-bit number for each counter: MurmurHash3's finalizer, then one by Wellons's hash prospector, each with the seed. */
@inline
function mixed(seed: u32, counter: u32): u32 {
  let h: u32 = counter * 0x9e3779b9 + seed;
  h = (h ^ (h >> 16)) * 0x85ebca6b;
  h = (h ^ (h >> 13)) * 0xc2b2ae35;
  h = (h ^ (h >> 16)) + seed * 0x27d4eb2f;
  h = (h ^ (h >> 15)) * 0x2c1b3c6d;
  h = (h ^ (h >> 12)) * 0x297a2d39;
  return h ^ (h >> 15);
}

@inline
function fraction(bits: u32): f32 {
  return (<f32>(bits >> 8) + 0.5) * (1.0 / 16777216.0);
}

/** Writes values uniform in (-range, range). Element i depends only on `seed` and `start` + i. */
export function uniform(target: usize, start: u32, count: u32, seed: u32, range: f32): void {
  for (let i: u32 = 0; i < count; i++) {
    store<f32>(target + (<usize>i << 2), (fraction(mixed(seed, start + i)) * 2 - 1) * range);
  }
}

/** Writes zeros. The first access makes the system provide the memory, which takes longer than a whole training step. */
export function zero(target: usize, count: usize): void {
  memory.fill(target, 0, count << 2);
}

/** A device's memory does not hold what is to be computed. */
export class DeviceMemoryError extends Error {
  override readonly name = "DeviceMemoryError";
}

/** What providers say then: WebGPU (Dawn), CUDA, DirectML. */
const SIGNS = [
  /out of (device )?memory/i,
  /OUT_?OF_?(DEVICE_|HOST_)?MEMORY/,
  /failed to allocate/i,
  /exceeds the (max|maximum)[^.]*(size|limit)/i,
  /larger than the maximum (storage )?buffer/i,
  // What follows when a buffer could not be made.
  /\[Invalid Buffer/,
  /CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED/,
  /8007000E/i,
];

/** Whether an error's message tells of memory that has run out. */
export const tellsOfMemory = (message: string): boolean => SIGNS.some((sign) => sign.test(message));

/** A device has run out of memory. */
export class DeviceMemoryError extends Error {
  override readonly name = "DeviceMemoryError";
}

/** Messages of providers when memory runs out: WebGPU (Dawn), CUDA, DirectML. */
const SIGNS = [
  /out of (device )?memory/i,
  /OUT_?OF_?(DEVICE_|HOST_)?MEMORY/,
  /failed to allocate/i,
  /exceeds the (max|maximum)[^.]*(size|limit)/i,
  /larger than the maximum (storage )?buffer/i,
  // Follows when a buffer could not be allocated.
  /\[Invalid Buffer/,
  /CUBLAS_STATUS_ALLOC_FAILED|CUDNN_STATUS_ALLOC_FAILED/,
  /8007000E/i,
];

/** Whether an error message reports that memory has run out. */
export const isOutOfMemory = (message: string): boolean => SIGNS.some((sign) => sign.test(message));

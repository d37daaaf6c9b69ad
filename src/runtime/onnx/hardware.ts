/** The GPUs that onnxruntime finds in this machine, whether or not it can use them. */
import koffi from "koffi";
import { check, runtime } from "./native.ts";
import type { Pointer } from "./native-api.ts";

/** A GPU as onnxruntime reports it. */
export interface Hardware {
  /** PCI vendor id: 0x10de is NVIDIA, 0x1002 AMD, 0x8086 Intel. */
  readonly vendor: number;
  readonly vendorName: string;
  /** PCI device id. */
  readonly model: number;
  /** What the system reports: on Windows `Description`, `DxgiVideoMemory` and more. */
  readonly facts: Readonly<Record<string, string>>;
}

const GPU = 1;

/** Returns the GPUs of this machine. */
export function gpuHardware(): Hardware[] {
  const { api, environment } = runtime();
  const count: [number | bigint] = [0];
  check(api, api.hardwareCount(environment, count));
  const found = new BigUint64Array(Number(count[0]));
  check(api, api.hardwareDevices(environment, found, found.length));
  return [...found]
    .filter((device) => api.hardwareType(device) === GPU)
    .map((device) => ({
      vendor: Number(api.hardwareVendor(device)),
      vendorName: String(api.hardwareVendorName(device)),
      model: Number(api.hardwareModel(device)),
      facts: facts(api.hardwareFacts(device) as Pointer),
    }));
}

function facts(pairs: Pointer): Record<string, string> {
  const { api } = runtime();
  const keys: [Pointer | null] = [null];
  const values: [Pointer | null] = [null];
  const count: [number | bigint] = [0];
  api.keysAndValues(pairs, keys, values, count);
  const texts = ([pointer]: [Pointer | null]) =>
    pointer === null ? [] : (koffi.decode(pointer, "const char *", Number(count[0])) as string[]);
  const named = texts(values);
  return Object.fromEntries(texts(keys).map((key, index) => [key, named[index] ?? ""]));
}

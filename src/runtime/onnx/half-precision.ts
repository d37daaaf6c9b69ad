/** Finds out whether a device computes in float16. */
import { DeviceSession, type DeviceSessionSettings } from "./device-session.ts";
import { GraphBuilder } from "./graph.ts";
import { encodeModel } from "./model-proto.ts";
import { NativeTensor } from "./native-tensor.ts";

const SHAPE = [4];

/** Whether a device squares a few numbers in float16. Providers report what a device lacks only when it runs. */
export function hasHalfPrecision(settings: DeviceSessionSettings): boolean {
  const graph = new GraphBuilder("gpu");
  const half = graph.cast(graph.input({ name: "x", type: "float32", shape: SHAPE }), "float32", "float16");
  // A product, since casting x back would return x itself.
  const value = graph.cast(graph.add("Mul", [half, half]), "float16", "float32");
  const model = encodeModel(graph.finish([{ name: "y", value, type: "float32", shape: SHAPE }]));
  const [values, squares] = [Float32Array.of(1, 2, 3, 4), new Float32Array(4)];
  const tensors = {
    x: new NativeTensor(values, "float32", SHAPE),
    y: new NativeTensor(squares, "float32", SHAPE),
  };
  const session = new DeviceSession(model, settings);
  const binding = session.bind();
  try {
    binding.input("x", tensors.x);
    binding.output("y", tensors.y);
    binding.runNow();
    return squares[3] === 16;
  } catch {
    return false;
  } finally {
    binding.release();
    session.release();
    for (const tensor of Object.values(tensors)) tensor.release();
  }
}

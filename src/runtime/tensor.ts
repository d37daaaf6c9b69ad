/** TensorFlow.js core with its gradients and chained ops registered. All modules import `tf` from here. */
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js";
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
import "./reduction-gradients.ts";

export { tf };

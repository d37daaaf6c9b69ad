/** The thread that draws the charts of a training, bundled as `dist/chart-worker.mjs`. */
import { parentPort, workerData } from "node:worker_threads";
import { drawnCharts } from "./charts.ts";
import type { EpochRecord } from "./train-log.ts";

parentPort?.postMessage(await drawnCharts(workerData as readonly EpochRecord[]));

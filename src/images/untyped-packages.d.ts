/** CommonJS packages that have no types, or types that Node's ES modules contradict. */

declare module "seek-bzip" {
  const Bunzip: {
    decode(bytes: Uint8Array, output: { writeByte(value: number): void }, multistream?: boolean): void;
  };
  export default Bunzip;
}

declare module "xz-decompress/dist/package/xz-decompress.js" {
  const xz: { readonly XzReadableStream: typeof import("xz-decompress").XzReadableStream };
  export default xz;
}

declare module "@jsquash/webp/codec/dec/webp_dec.js" {
  interface Library {
    /** Red, green, blue and opacity; null where the bytes are damaged. */
    decode(
      bytes: Uint8Array,
    ): { readonly width: number; readonly height: number; readonly data: Uint8ClampedArray } | null;
  }
  export default function makeLibrary(options: {
    readonly noInitialRun: boolean;
    readonly wasmBinary: Uint8Array;
  }): Promise<Library>;
}

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

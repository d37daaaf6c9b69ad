/** The part of WebAssembly's interface that the optimizer's kernel needs; Node's own types declare none of it. */
declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: { readonly initial: number; readonly maximum: number; readonly shared: true });
    readonly buffer: SharedArrayBuffer;
  }
  class Instance {
    constructor(module: Module, imports: { readonly env: { readonly memory: Memory } });
    readonly exports: Readonly<Record<string, (...values: number[]) => void>>;
  }
  class Module {
    constructor(bytes: Uint8Array);
  }
}

declare const brand: unique symbol;

/** An object of the addon that stands for something of libvirt's. The addon refuses one that stands for anything else. */
export interface Handle<Noun extends string> {
  readonly [brand]: Noun;
}

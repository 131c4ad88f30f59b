/** How a new version is brought up. */
export const rebootWays = ['auto', 'soft', 'hard', 'none'] as const;
export type RebootWay = (typeof rebootWays)[number];

/** When an image is pulled; `newer` takes the one at hand where no registry answers. */
export const pullPolicies = ['always', 'missing', 'never', 'newer'] as const;
export type PullPolicy = (typeof pullPolicies)[number];

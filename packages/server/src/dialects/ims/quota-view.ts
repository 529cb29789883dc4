/**
 * `GET /v1/cloudimages/quota`: private images used and allowed; −1 allows any number.
 * @param quota images of a project, null without a limit
 */
export function quotaView(used: number, quota: number | null) {
  return { quotas: { resources: [{ type: 'image', used, quota: quota ?? -1, min: 1, max: 1000 }] } };
}

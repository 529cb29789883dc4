/**
 * `first` and `next` of a list: the request's own query, every repeated parameter kept, without
 * and with `marker`. Relative, as clients join them.
 */
export function pageLinks(
  url: string,
  lastId: string | undefined,
): { readonly first: string; readonly next?: string } {
  const [path = '', query = ''] = url.split('#', 1)[0]!.split(/\?(.*)/s, 2);
  const kept = query
    .split('&')
    .filter((pair) => pair !== '' && decodeName(pair) !== 'marker')
    .join('&');
  const first = kept === '' ? path : `${path}?${kept}`;
  if (lastId === undefined) return { first };
  return { first, next: `${first}${kept === '' ? '?' : '&'}marker=${lastId}` };
}

function decodeName(pair: string): string {
  return decodeURIComponent(pair.split('=', 1)[0]!.replaceAll('+', ' '));
}

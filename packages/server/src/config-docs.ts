import { settingRows } from './config.ts';

/** `docs/settings.md`, made from the list of settings; a test holds the file to it. */
export function settingsPage(): string {
  const rows = Object.values(settingRows).map(({ env, fallback, text, ...row }) => {
    const flag =
      'flag' in row && row.flag
        ? ` or \`--${row.flag.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}\``
        : '';
    return `| \`${env}\`${flag} | ${shown(fallback)} | ${text} |`;
  });
  return [
    '# Settings',
    '',
    'A flag beats the environment, which beats the default. A value that can not be used stops the start and is named.',
    '',
    '| setting | default | meaning |',
    '|---|---|---|',
    ...rows,
    '| `DATABASE_URL` | `sqlite:DATA/catalog.sqlite` | `sqlite:PATH` or `postgresql://…` |',
    '',
  ].join('\n');
}

function shown(value: unknown): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return '–';
  if (typeof value === 'object' && value !== null && 'host' in value && 'port' in value)
    return `\`${String(value.host)}:${String(value.port)}\``;
  return `\`${Array.isArray(value) ? value.join(',') : String(value)}\``;
}

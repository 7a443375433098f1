// The list of runs, asked for again every two seconds.

const page = document.getElementById('page');
const rowsOf = make('tbody', { id: 'runs' });
page.append(
  make('div', { class: 'top' }, make('h1', null, 'Runs')),
  make('section', { class: 'card' }, make('div', { class: 'scroll' }, make('table', null,
    make('thead', null, make('tr', null, ...['Run', 'Manifest', 'Status', 'Succeeded', 'Not succeeded', 'Cost', 'Time'].map((name, place) => make('th', { class: place > 2 ? 'n' : undefined }, name)))),
    rowsOf))));

const TONES = { running: 'warn', complete: 'good', stopped: 'bad', unfinished: 'warn', unreadable: 'bad' };

function line(run) {
  const { rows } = run;
  const path = `/runs/${encodeURIComponent(run.manifest)}/${encodeURIComponent(run.run_id)}/`;
  const go = () => { location.assign(path); };
  // While a process works on it, rows on their way count as in doubt.
  const running = run.status === 'running';
  const bad = rows.failed + rows.rejected + (running ? 0 : rows.in_doubt);
  const ended = rows.succeeded + bad;
  return make('tr', null,
    make('td', null, make('button', { class: 'link mono', 'data-path': path, onclick: go }, ...pieces(run.run_id))),
    outside('td', null, run.manifest),
    make('td', null, make('span', { class: 'badge ' + TONES[run.status] }, run.status), running ? ` ${percent(rows.total ? ended / rows.total : null)}` : '',
      run.detail ? outside('div', { class: 'small soft' }, run.detail) : ''),
    make('td', { class: 'n' }, `${WHOLE.format(rows.succeeded)} of ${WHOLE.format(rows.total)}`),
    make('td', { class: 'n' }, WHOLE.format(running ? bad : rows.total - rows.succeeded)),
    make('td', { class: 'n' }, grouped(run.cost) + (run.cost_unknown_rows && !running ? ` + ${WHOLE.format(run.cost_unknown_rows)} unknown` : '')),
    make('td', { class: 'n' }, time(run.wall_ms)));
}

let shown = '';

async function look() {
  try {
    const text = await (await fetch('/runs.json')).text();
    if (text !== shown) {
      shown = text;
      const { runs } = JSON.parse(text);
      rowsOf.replaceChildren(...(runs.length > 0 ? runs.map(line) : [make('tr', null, make('td', { colspan: 7, class: 'soft' }, 'There are no runs yet.'))]));
    }
    document.documentElement.dataset.ready = 'runs';
  } catch (error) {
    document.documentElement.dataset.ready = 'lost';
  }
  setTimeout(look, 2000);
}

look();

// How a living run stands, from events of the server; when it has ended, its report takes the place of this page.

const page = document.getElementById('page');
const samples = [];
const head = make('div', { class: 'top' });
const tiles = make('div', { class: 'tiles' });
const bar = make('div', { class: 'share', role: 'img', 'aria-label': 'rows by outcome' });
const legend = make('div', { class: 'legend' });
const rate = make('div', { class: 'chart' });
const told = make('p', { class: 'under', role: 'status' });
page.append(head, told, tiles, make('section', { class: 'card' }, bar, legend), make('section', { class: 'card' }, make('h2', null, 'Rows a second'), rate));

function tile(name, figure, note) {
  return make('div', { class: 'tile' }, make('div', { class: 'name' }, name), make('div', { class: 'figure' }, figure), make('div', { class: 'note' }, note || ''));
}

function chart() {
  if (samples.length < 2) return;
  const width = Math.max(200, rate.clientWidth);
  const speeds = samples.slice(1).map((sample, place) => Math.max(0, (sample.ended - samples[place].ended) / Math.max(0.2, sample.at - samples[place].at)));
  const most = Math.max(1e-9, ...speeds);
  const step = width / Math.max(60, speeds.length);
  const picture = draw('svg', { height: 110, viewBox: `0 0 ${width} 110`, role: 'img', 'aria-label': 'rows a second' });
  speeds.forEach((speed, place) => {
    const size = (speed / most) * 90;
    picture.append(draw('rect', { class: 'bar', x: place * step, y: 104 - size, width: Math.max(0.8, step - 1), height: size }));
  });
  picture.append(draw('text', { x: 0, y: 10 }, short(most)), draw('line', { class: 'axis', x1: 0, x2: width, y1: 104.5, y2: 104.5 }));
  rate.replaceChildren(picture);
}

function show(run) {
  const { rows } = run;
  const running = run.status === 'running';
  // While a process works on it, rows on their way count as in doubt.
  const ended = rows.succeeded + rows.failed + rows.rejected + (running ? 0 : rows.in_doubt);
  const named = (outcome) => (running && outcome === 'in_doubt' ? 'in flight or in doubt' : running && outcome === 'not_run' ? 'to come' : said(outcome));
  samples.push({ at: performance.now() / 1000, ended });
  if (samples.length > 400) samples.shift();
  const first = samples[Math.max(0, samples.length - 30)];
  const speed = (ended - first.ended) / Math.max(0.2, samples[samples.length - 1].at - first.at);
  const left = speed > 0 && running ? `${time(((rows.total - ended) / speed) * 1000)} left` : '';
  head.replaceChildren(outside('h1', null, run.manifest), make('span', { class: 'badge ' + (running ? 'warn' : 'good'), id: 'status' }, run.status));
  told.replaceChildren(outside('span', { class: 'mono' }, run.run_id), run.detail ? outside('span', null, run.detail) : '');
  tiles.replaceChildren(
    tile('Rows', `${WHOLE.format(ended)} of ${WHOLE.format(rows.total)}`, percent(rows.total ? ended / rows.total : null)),
    tile('Speed', samples.length < 2 ? '–' : `${short(speed)} a second`, left),
    tile('Cost', grouped(run.cost), run.cost_unknown_rows ? `not yet known for ${plural(run.cost_unknown_rows, 'row')}` : ''),
    tile('Tokens', WHOLE.format(run.tokens)),
    tile('Time', time(run.wall_ms), run.throttled ? `throttled ${plural(run.throttled, 'time')}` : ''));
  const present = OUTCOMES.filter((outcome) => rows[outcome] > 0);
  bar.replaceChildren(...present.map((outcome) => {
    const part = make('i', { class: 'c-' + outcome });
    part.style.flexGrow = rows[outcome];
    return part;
  }));
  legend.replaceChildren(...present.map((outcome) => make('span', null, make('i', { class: 'c-' + outcome }), `${WHOLE.format(rows[outcome])} ${named(outcome)}`)));
  chart();
  document.documentElement.dataset.ready = 'live';
  if (run.report) {
    source.close();
    location.reload();
  }
}

const source = new EventSource('events');
source.onmessage = (event) => show(JSON.parse(event.data));

// How steady answers are, and what judges came to; then all figures take their places.

/** Shares of one digit behind the point, as of everything that is estimated. */
const estimate = (figure) => (figure === null || figure === undefined ? '–' : (figure * 100).toFixed(1) + '%');

function repeats() {
  if (!report.repeats) return null;
  const repeated = Object.keys(report.checks).filter((name) => report.checks[name].repeats);
  const parts = [make('p', { class: 'soft small before' }, says.repeats[0].toUpperCase() + says.repeats.slice(1) + '.')];
  if (repeated.length > 0) {
    const ks = Object.keys(report.checks[repeated[0]].repeats.pass_at_k).filter((k) => k !== '1');
    const rows = repeated.map((name) => {
      const told = report.checks[name].repeats;
      return [outside('span', null, name), make('td', { class: 'wide' }, meter(told.pass_at_1), estimate(told.pass_at_1)),
        ...ks.map((k) => estimate(told.pass_at_k[k])), ...ks.map((k) => estimate(told.pass_hat_k[k])),
        estimate(told.agreement), `${WHOLE.format(told.flaky_rows)} of ${WHOLE.format(told.rows)}`];
    });
    parts.push(table(['Check', 'pass@1', ...ks.map((k) => '>pass@' + k), ...ks.map((k) => '>pass^' + k), '>Agreement', '>Flaky rows'], rows, { id: 'repeats' }));
  }
  const within = [[`Cost, ${unitOf('', report.cost.unit)}`, report.repeats.cost], ['Latency, ms', report.repeats.latency_ms]]
    .filter(([, told]) => told.rows > 0)
    .map(([name, told]) => [outside('span', null, name), figure(told.mean), figure(told.variance), estimate(told.cv), WHOLE.format(told.rows)]);
  if (within.length > 0) parts.push(make('h3', { class: 'apart' }, 'Among the answers to one row'), table(['', '>Mean', '>Variance', '>Varies by', '>Rows'], within, { id: 'within' }));
  return card('Repeats', ...parts);
}

function judges() {
  const names = Object.keys(report.judges || {});
  if (names.length === 0) return null;
  const costOf = (cost) => [cost.total === null ? '–' : `${grouped(cost.total)} ${unitOf(cost.total, cost.unit)}`,
    cost.unknown_rows > 0 && make('div', { class: 'soft small' }, `unknown for ${plural(cost.unknown_rows, 'row')}`)];
  const rows = names.map((name) => {
    const judge = report.judges[name];
    const unknown = judge.tokens.unknown_rows;
    return [
      make('span', null, ...judge.checks.map((check, place) => outside('span', null, (place > 0 ? ', ' : '') + check))), outside('span', null, judge.manifest || '–'),
      WHOLE.format(judge.rows.succeeded), WHOLE.format(judge.errors), WHOLE.format(judge.waiting), WHOLE.format(judge.calls),
      make('td', { class: 'n' }, ...costOf(judge.cost).filter(Boolean)),
      make('td', { class: 'n' }, WHOLE.format(judge.tokens.total), unknown > 0 ? make('div', { class: 'soft small' }, `unknown for ${plural(unknown, 'row')}`) : ''),
    ];
  });
  return card('Judges', table(['Check', 'Judge', '>Judged', '>No usable answer', '>Waiting', '>Calls', '>Cost', '>Tokens'], rows, { id: 'judges' }),
    make('p', { class: 'soft small apart' }, `Their cost is not in the run's own. ${says.bill ? says.bill + '.' : ''}`));
}

function add(...sections) {
  page.append(...sections.flat().filter(Boolean));
}

add(head(), tiles(), outcomes(), gates(), checks(), repeats(), judges(), spreads(),
  data.timeline && data.timeline.stretches.length > 1 && card('Timeline', timelineChart(data.timeline)));
add(make('div', { class: 'pair' }, times(), errors()), groups(), notes());

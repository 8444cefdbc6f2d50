-- A subdistrict after a year: 10,000 homes, 1,000 covers, 50 kiosks, 200 gateways, 100,000 tasks, 1,000,000
-- alarms and what hangs on them. Made in the database itself; the same each time (no randomness but hashes).
-- :now is the moment at which it is looked at.

INSERT INTO areas (id, parent_id, kind, name) VALUES ('street', NULL, 'subdistrict', '晨光街道');
INSERT INTO areas (id, parent_id, kind, name)
SELECT 'c' || c, 'street', 'community', '社区 ' || c FROM generate_series(1, 20) c;
INSERT INTO areas (id, parent_id, kind, name)
SELECT 'g' || g, 'c' || (1 + g % 20), 'grid', '网格 ' || g FROM generate_series(1, 200) g;

INSERT INTO gateways (id, area_id, name, online, seen_at, changed_at, software, desired_version, applied_version,
    desired, health, created_at)
SELECT 'gw-' || g, 'g' || g, '网关 ' || g, g % 50 <> 0, :now, :now, '1', 1, 1, '{}', '{}', :now - interval '1 year'
FROM generate_series(1, 200) g;

INSERT INTO residents (id, area_id, name, born, address, access, phone, notes, risk, latitude, longitude)
SELECT 'r' || r, 'g' || (1 + r % 200), '王' || r, 1930 + r % 30, '向阳里 ' || r || ' 号', '', '', '',
    CASE WHEN r % 8 = 0 THEN 'high' ELSE 'normal' END, 31.2 + (r % 100) * 0.0005, 121.4 + (r / 100) * 0.0005
FROM generate_series(1, 10000) r;
INSERT INTO wells (id, area_id, name, address, owner, depth_m, latitude, longitude)
SELECT 'w' || w, 'g' || (1 + w % 200), '雨水井 ' || w, '向阳里', '', 2.5, 31.2 + (w % 30) * 0.0017, 121.4 + (w / 30) * 0.0017
FROM generate_series(1, 1000) w;

INSERT INTO positions (id, area_id, name, resident_id, created_at)
SELECT 'p' || r || '-' || k, 'g' || (1 + r % 200), k, 'r' || r, :now - interval '1 year'
FROM generate_series(1, 10000) r, unnest(ARRAY['button', 'fall', 'door']) k;
INSERT INTO positions (id, area_id, name, well_id, created_at)
SELECT 'pw' || w, 'g' || (1 + w % 200), '井盖', 'w' || w, :now - interval '1 year' FROM generate_series(1, 1000) w;
INSERT INTO positions (id, area_id, name, created_at)
SELECT 'pk' || k, 'g' || k, '测温亭', :now - interval '1 year' FROM generate_series(1, 50) k;
INSERT INTO devices (id, gateway_id, profile, driver, address, parameters, serial, firmware, created_at)
SELECT 'd-' || id, 'gw-' || substr(area_id, 2),
    CASE WHEN id LIKE 'pw%' THEN :cover WHEN id LIKE 'pk%' THEN :kiosk WHEN id LIKE '%fall' THEN :fall ELSE :button END,
    'mqtt', '{}', '{}', '', '', created_at
FROM positions;
INSERT INTO attachments (position_id, device_id, since)
SELECT id, 'd-' || id, created_at FROM positions;
INSERT INTO commissioning_tests (position_id, device_id, trial, armed, started_at, expires_at, seen, measured, ended_at,
    ended, consent, note, due_at, settled, seen_at, superseded)
SELECT p.id, 'd-' || p.id, '{}', true, t.at, t.at, '{}', '{}', t.at, 'signed_off', 'given', '', t.at + p.every, true, t.at,
    lead(t.at) OVER (PARTITION BY p.id ORDER BY t.at) IS NOT NULL
FROM (
    SELECT id, created_at, substr(resident_id, 2)::int AS r,
        CASE name WHEN 'button' THEN 30 WHEN 'fall' THEN 90 ELSE 180 END * interval '1 day' AS every
    FROM positions WHERE resident_id IS NOT NULL
) p, LATERAL generate_series(p.created_at + p.every * (p.r % 100) / 100, :now, p.every) t (at)
WHERE p.r % 50 <> 0 OR t.at < :now - p.every
ORDER BY t.at, p.id;

INSERT INTO tasks (id, kind, subject_kind, subject_id, area_id, severity, rule, state, late, clock_trusted, occurrences,
    device_at, gateway_at, created_at, last_at, acknowledged_at, departed_at, arrived_at, resolved_at, closed_at,
    assignee_id, outcome, version, test, muted, level)
SELECT t, k.kind, k.subject_kind, k.subject_id, 'g' || (1 + k.n % 200),
    (ARRAY['critical', 'major', 'major', 'minor', 'warning'])[1 + t % 5], k.rule,
    CASE WHEN k.open THEN (ARRAY['new', 'dispatched', 'acknowledged', 'on_the_way', 'on_site', 'resolved'])[1 + t % 6]
        ELSE 'closed' END,
    t % 100 = 0, true, 1 + t % 3, at, at, at + interval '1 second', at + interval '1 second',
    CASE WHEN k.open AND t % 6 < 2 THEN NULL ELSE at + (20 + t % 170) * interval '1 second' END,
    CASE WHEN k.open AND t % 6 < 3 THEN NULL ELSE at + interval '4 minutes' END,
    CASE WHEN k.open AND t % 6 < 4 THEN NULL ELSE at + interval '9 minutes' END,
    CASE WHEN k.open AND t % 6 < 5 THEN NULL ELSE at + interval '25 minutes' END,
    CASE WHEN k.open THEN NULL ELSE at + interval '26 minutes' END,
    CASE WHEN k.open AND t % 6 < 2 THEN NULL ELSE 1 END,
    CASE WHEN k.open AND t % 6 < 5 THEN NULL
        ELSE (ARRAY['helped_on_site', 'helped_by_phone', 'false_alarm', 'hospital'])[1 + t % 4] END,
    6, t % 50 = 0, false, 'community'
FROM (
    SELECT t, t > 99700 AS open, CASE WHEN t % 10 < 7 THEN 1 + t * 7 % 10000 ELSE 1 + t * 7 % 1000 END AS n,
        CASE WHEN t % 10 < 7 THEN 'care' WHEN t % 10 < 9 THEN 'well' ELSE 'maintenance' END AS kind,
        CASE WHEN t % 10 < 7 THEN 'resident' WHEN t % 10 < 9 THEN 'well' ELSE 'position' END AS subject_kind,
        CASE WHEN t % 10 < 7 THEN 'r' || (1 + t * 7 % 10000) WHEN t % 10 < 9 THEN 'w' || (1 + t * 7 % 1000)
            ELSE 'p' || (1 + t * 7 % 10000) || '-button' END AS subject_id,
        (ARRAY['sos', 'fall', 'cover_open', 'battery_low'])[1 + t % 4] AS rule,
        :now - interval '1 year' + t * interval '315 seconds' AS at
    FROM generate_series(1, 100000) t
) k;
SELECT setval(pg_get_serial_sequence('tasks', 'id'), 100000);

INSERT INTO alarms (source_kind, source_id, rule, severity, area_id, task_id, breach, began_at, opened_at, last_at,
    occurrences, cleared_at, cleared_by)
SELECT 'position', CASE WHEN subject_kind = 'resident' THEN 'p' || substr(subject_id, 2) || '-fall'
        WHEN subject_kind = 'well' THEN 'p' || subject_id ELSE subject_id END,
    rule || CASE WHEN n = 0 THEN '' ELSE n::text END, severity, area_id, id, 'b' || id || '-' || n, device_at, created_at, last_at, 1,
    CASE WHEN closed_at IS NULL AND n = 0 THEN NULL ELSE coalesce(closed_at, created_at) END, 'gateway'
FROM tasks, generate_series(0, 9) n;
INSERT INTO occurrences (gateway_id, epoch, seq, event, breach, alarm_id, position_id, device_id, rule, value, device_at,
    gateway_at, server_at, clock_trusted, late, removed)
SELECT 'gw-' || substr(area_id, 2), 'year', id, 'occurred', breach, id, source_id, 'd-' || source_id, rule,
    '{"point": "sos", "value": true, "ends": false}', began_at, began_at, opened_at, true, false, false
FROM alarms;
INSERT INTO task_events (task_id, at, actor_id, action, from_state, to_state, detail)
SELECT id, e.at, e.actor, e.action, e.before, e.after, e.detail::jsonb
FROM tasks, LATERAL (VALUES
    (created_at, NULL::int, 'opened', NULL, 'new', '{"rule": "sos", "severity": "major"}'),
    (created_at, NULL, 'told', 'new', 'new', '{"who": "duty", "value": "carer", "step": 1, "people": [1]}'),
    (acknowledged_at, 1, 'acknowledge', 'new', 'acknowledged', '{}'),
    (departed_at, 1, 'depart', 'acknowledged', 'on_the_way', '{}'),
    (arrived_at, 1, 'arrive', 'on_the_way', 'on_site', '{}'),
    (resolved_at, 1, 'resolve', 'on_site', 'resolved', '{"outcome": "helped_on_site"}'),
    (closed_at, 1, 'close', 'resolved', 'closed', '{}')) AS e (at, actor, action, before, after, detail)
WHERE e.at IS NOT NULL;
INSERT INTO dispatch_steps (task_id, kind, run, number, turn, state, planned_at, due_at, done_at, late_s)
SELECT id, 'call', 1, n, 0, CASE WHEN n = 0 THEN 'done' ELSE 'cancelled' END, created_at,
    created_at + n * interval '60 seconds', created_at + interval '1 second', 0
FROM tasks, generate_series(0, 2) n;
INSERT INTO deliveries (task_id, step_id, user_id, channel, rest, state, attempts, created_at, due_at, sent_at, error)
SELECT task_id, id, 1, 'sms', '{}', 'sent', 1, planned_at, planned_at, planned_at, ''
FROM dispatch_steps WHERE number = 0;
INSERT INTO audit (at, user_id, action, subject_kind, subject_id, reason, detail)
SELECT created_at, 1, 'read', subject_kind, subject_id, '', '{}' FROM tasks;;
INSERT INTO unprotected_spans (resident_id, cause, thing_kind, thing_id, since, until)
SELECT 'r' || s.r, s.cause, 'position', 'p' || s.r || '-button', s.since,
    CASE WHEN s.n = 0 THEN NULL ELSE s.since + s.n % 40 * interval '1 hour' END
FROM (
    SELECT 1 + n * 37 % 10000 AS r, n / 300 AS n, (ARRAY['silent', 'battery', 'retest'])[1 + n % 3] AS cause,
        :now - interval '1 hour' - n * interval '26 minutes' AS since
    FROM generate_series(0, 19999) n
) s;

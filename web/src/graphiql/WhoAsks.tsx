import type { Context, Role, Who } from './server';

interface Props {
  context: Context;
  who: Who | undefined;
  onChange: (who: Who) => void;
}

/** The roles of the schema: one click, and one asks as one of them. */
export function WhoAsks({ context, who, onChange }: Props) {
  const role = context.roles.find((r) => r.name === who?.role);
  return (
    <fieldset className="choice">
      <legend>Who asks</legend>
      <div className="line">
        <div className="chips">
          {context.roles.map((r) => (
            <label key={r.name} className="chip" title={r.description}>
              <input type="radio" name="role" checked={r === role} onChange={() => { onChange(first(context, r)); }} />
              <span>{r.name}</span>
            </label>
          ))}
        </div>
        {who && role?.self && <Person people={context.people} who={who} onChange={onChange} />}
        {who &&
          context.attributes
            .filter((a) => a.roles.includes(who.role))
            .map((a) => (
              <label key={a.name} className="detail">
                {a.name}
                <Choice
                  value={who.attrs[a.name] ?? ''}
                  values={a.values}
                  onChange={(value) => { onChange({ ...who, attrs: { ...who.attrs, [a.name]: value } }); }}
                />
              </label>
            ))}
      </div>
      <p className="about">{role ? role.description : 'Choose a role to ask as. The development identity believes everybody, which is why it answers on this machine only.'}</p>
    </fieldset>
  );
}

/** Whom a role is at first: with the first value of each attribute it is asked for, and somebody if it has to be one. */
export function first(context: Context, role: Role): Who {
  const attrs: Record<string, string> = {};
  for (const a of context.attributes) {
    const [value] = a.values;
    if (a.roles.includes(role.name) && value !== undefined) attrs[a.name] = value;
  }
  const [person] = context.people;
  return role.self && person !== undefined ? { role: role.name, attrs, subject: person } : { role: role.name, attrs };
}

function Person({ people, who, onChange }: { people: string[]; who: Who; onChange: (who: Who) => void }) {
  const subject = who.subject ?? '';
  const be = (id: string) => { onChange({ ...who, subject: id }); };
  return (
    <label className="detail">
      person
      {people.length > 0 ? (
        <select value={subject} onChange={(e) => { be(e.target.value); }}>
          {people.map((id, i) => (
            <option key={id} value={id}>{`${i + 1} · …${id.slice(-6)}`}</option>
          ))}
        </select>
      ) : (
        <Text value={subject} hint="UUID of a person" onChange={be} />
      )}
    </label>
  );
}

function Choice({ value, values, onChange }: { value: string; values: string[]; onChange: (value: string) => void }) {
  if (values.length === 0) return <Text value={value} hint="" onChange={onChange} />;
  return (
    <select value={value} onChange={(e) => { onChange(e.target.value); }}>
      {values.map((v) => (
        <option key={v}>{v}</option>
      ))}
    </select>
  );
}

/** Takes what was written once it is finished: every change asks for another token. */
function Text({ value, hint, onChange }: { value: string; hint: string; onChange: (value: string) => void }) {
  return (
    <input
      key={value}
      defaultValue={value}
      placeholder={hint}
      size={hint ? 36 : 10}
      onBlur={(e) => { if (e.target.value !== value) onChange(e.target.value.trim()); }}
      onKeyDown={(e) => { if (e.key === 'Enter') e.currentTarget.blur(); }}
    />
  );
}

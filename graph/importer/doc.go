// Package importer brings CSV files in: it reads rows, turns them into records of a schema's types through a map, and
// hands them to a Store in batches. It knows no type by name; what a column means stands in the map (a YAML file, see Map
// and docs/import.md), and the presets are such files.
//
//	m, err := importer.ParseMap("contacts.yaml", text)
//	plan, err := importer.Compile(schema, m)
//	report, err := importer.Run(ctx, plan, file, importer.Options{Store: store, Rejects: rejects})
//
// What it promises:
//
//   - A row is imported whole or rejected whole; a row that is broken neither hides nor shifts the rows around it.
//   - A row is recognised by its key. Importing a file twice changes nothing the second time, so an import that was
//     interrupted is repeated, not repaired.
//   - An empty cell says nothing: it is never written over a value that is there.
//   - Nothing is written before the columns were seen to hold what their headers say (GDPR Art. 5(1)(d): two headers
//     swapped would put every customer's address where others may read it).
//   - No cell of the file appears in an error, a report or a log. The rejects file alone repeats rows, for the person who
//     has the file anyway, readable by them only.
//   - Columns the map does not name are not read (Art. 5(1)(c)); the report names them.
package importer

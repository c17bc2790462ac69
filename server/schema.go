package server

// Schema is the JSON Schema of the configuration file, for editors and build servers (json-schema.org/draft/2020-12).
func Schema() map[string]any {
	properties := map[string]any{}
	groups := map[string]map[string]any{}
	add := func(s setting, suffix string, schema map[string]any) {
		properties[s.name+suffix] = schema
		if group, rest := s.group(); group != "" {
			if groups[group] == nil {
				groups[group] = map[string]any{}
				properties[group] = map[string]any{"type": "object", "additionalProperties": false, "properties": groups[group]}
			}
			groups[group][rest+suffix] = schema
		}
	}
	for _, s := range settings {
		schema := map[string]any{"description": s.usage}
		for k, v := range s.form.schema {
			schema[k] = v
		}
		if s.fallback != "" {
			schema["default"] = plain(s)
		}
		add(s, "", schema)
		if s.secret {
			add(s, FileSuffix, map[string]any{"type": "string", "minLength": 1, "description": "file that holds " + s.name})
		}
	}
	return map[string]any{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"title":                "Configuration of Cloakroom",
		"type":                 "object",
		"additionalProperties": false,
		"properties":           properties,
	}
}

// plain is a default of the type that the schema has.
func plain(s setting) any {
	c := Default()
	switch v := s.field(&c).(type) {
	case *bool:
		return *v
	case *int:
		return *v
	}
	return s.fallback
}

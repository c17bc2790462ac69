package compiler

// Numbers of the rules. They are stable: a number is never re-used, so that links, suppressions and searches stay true.
// 1–9 are about files and names, 10–19 about directives, 20–29 about purposes and roles, 30–49 about privacy, 50–59 about
// conditions, 60–79 about storage.
const (
	ruleSyntax             = "CLK001"
	ruleBounds             = "CLK002"
	ruleUnknownType        = "CLK003"
	ruleDuplicate          = "CLK004"
	ruleReserved           = "CLK005"
	ruleClash              = "CLK006"
	ruleRedefined          = "CLK007"
	ruleExtend             = "CLK008"
	ruleUnsupported        = "CLK009"
	ruleUnknownDirective   = "CLK010"
	ruleMisplaced          = "CLK011"
	ruleRepeated           = "CLK012"
	ruleUnknownArgument    = "CLK013"
	ruleMissingArgument    = "CLK014"
	ruleRepeatedArgument   = "CLK015"
	ruleArgumentValue      = "CLK016"
	ruleUnknownValue       = "CLK017"
	ruleApplies            = "CLK018"
	ruleNeedsEntity        = "CLK019"
	ruleWords              = "CLK020"
	ruleUnlawful           = "CLK021"
	ruleBitTwice           = "CLK022"
	ruleBitRange           = "CLK023"
	ruleTooMany            = "CLK024"
	ruleConsentBasis       = "CLK025"
	ruleSafeguard          = "CLK026"
	ruleLanguage           = "CLK027"
	ruleTranslated         = "CLK028"
	ruleNoBit              = "CLK029"
	ruleUnclassified       = "CLK030"
	ruleBoth               = "CLK031"
	ruleNoOwner            = "CLK032"
	ruleNoPurpose          = "CLK033"
	ruleNoRetention        = "CLK034"
	ruleMaskType           = "CLK035"
	ruleMaskNull           = "CLK036"
	ruleFind               = "CLK037"
	ruleSealedIndex        = "CLK038"
	ruleWithheld           = "CLK039"
	ruleLessStrict         = "CLK040"
	ruleOwnerEdge          = "CLK041"
	ruleOwnerNowhere       = "CLK042"
	ruleOwnerCycle         = "CLK043"
	ruleClock              = "CLK044"
	rulePeriod             = "CLK045"
	ruleAAL                = "CLK046"
	ruleDuration           = "CLK047"
	ruleVoidStepUp         = "CLK048"
	ruleOtherwise          = "CLK049"
	ruleWhenSyntax         = "CLK050"
	ruleWhenName           = "CLK051"
	ruleWhenType           = "CLK052"
	ruleWhenUntranslatable = "CLK053"
	ruleWhenSealed         = "CLK054"
	ruleDefault            = "CLK060"
	ruleTextOnly           = "CLK061"
	rulePattern            = "CLK062"
	ruleLength             = "CLK063"
	ruleInverse            = "CLK064"
	ruleOneToOne           = "CLK065"
	ruleManyToMany         = "CLK066"
	ruleAmbiguous          = "CLK067"
	ruleClaimed            = "CLK068"
	ruleSetNull            = "CLK069"
	ruleComputed           = "CLK070"
	ruleImplements         = "CLK071"
	ruleNoType             = "CLK072"
	ruleAudience           = "CLK073"
)

// rules in order of their numbers.
var rules = []Rule{
	{ID: ruleSyntax, Title: "the file is not GraphQL SDL", Why: "A file that cannot be read hides every type in it.", Fix: "Correct the syntax at the position shown. SDL is described in section 3 of the GraphQL specification."},
	{ID: ruleBounds, Title: "a file or type that is too large, too deep, or not text", Why: "The parser works within bounds, so that no input can exhaust the machine that compiles it.", Fix: "Split the file or type, nest less, save it as UTF-8."},
	{ID: ruleUnknownType, Title: "a type that does not exist", Why: "A misspelt type would otherwise surface as an error of generated code.", Fix: "Declare the type, or correct the spelling."},
	{ID: ruleDuplicate, Title: "the same name is declared twice", Why: "Two declarations may classify one field differently, and only one of them would be enforced.", Fix: "Remove or rename one; use `extend type` to spread a type over files."},
	{ID: ruleReserved, Title: "a name that is taken", Why: "The generated API, storage or GraphQL itself already uses the name.", Fix: "Choose another name."},
	{ID: ruleClash, Title: "two names that become one", Why: "Storage and Go write names in other ways than GraphQL; two names that differ here may be the same there.", Fix: "Rename one of them, or name the table yourself."},
	{ID: ruleRedefined, Title: "a word of the vocabulary is declared again", Why: "The vocabulary means the same in every schema. A second meaning would fool whoever reads the schema.", Fix: "Remove the declaration, or choose another name for your own type."},
	{ID: ruleExtend, Title: "an extension without its definition", Why: "What an extension adds must be added to something.", Fix: "Declare the type, correct the spelling, or correct the kind."},
	{ID: ruleUnsupported, Title: "something that cannot be generated", Why: "What cannot be stored or served is said here and not by a compiler of generated code later.", Fix: "See the remedy at the error; hand-written operations can do more than stored types."},
	{ID: ruleUnknownDirective, Title: "a directive that does not exist", Why: "A misspelt directive protects nothing (GDPR Art. 25: protection by default must not hang on spelling).", Fix: "Correct the spelling. `cloakroom vocabulary` lists all directives."},
	{ID: ruleMisplaced, Title: "a directive in the wrong place", Why: "A directive that nobody reads where it stands protects nothing.", Fix: "Move it to where the vocabulary allows it."},
	{ID: ruleRepeated, Title: "a directive twice in one place", Why: "Only some directives add up. Of the others it would be unclear which one holds.", Fix: "Keep one."},
	{ID: ruleUnknownArgument, Title: "an argument that does not exist", Why: "A renamed or misspelt argument would silently fall back to its default.", Fix: "Correct the spelling."},
	{ID: ruleMissingArgument, Title: "a required argument is missing", Why: "The directive means nothing without it.", Fix: "Add the argument."},
	{ID: ruleRepeatedArgument, Title: "an argument given twice", Why: "Only one of the two values could hold.", Fix: "Keep one."},
	{ID: ruleArgumentValue, Title: "an argument with a value of the wrong type", Why: "The value cannot be understood, or it says nothing.", Fix: "Write a value of the type shown."},
	{ID: ruleUnknownValue, Title: "a value its enum does not have", Why: "A purpose, role or category that does not exist can neither be granted nor refused.", Fix: "Correct the spelling, or add the value to your enum."},
	{ID: ruleApplies, Title: "a directive that says nothing here", Why: "A directive that would be ignored gives a false sense of protection.", Fix: "Remove it, or move it to the field that has what it speaks of."},
	{ID: ruleNeedsEntity, Title: "a directive on a type that is not stored", Why: "Only stored types are protected by the read path; on others the directive would be ignored.", Fix: "Add @entity, or remove the directive."},
	{ID: ruleWords, Title: "no purposes or no roles", Why: "Personal data is collected for specified purposes (GDPR Art. 5(1)(b)) and shown to authorised persons only (Art. 32(4)). Both are enums of your schema.", Fix: "Declare `enum Purpose` and `enum Role`."},
	{ID: ruleUnlawful, Title: "a purpose without a lawful basis", Why: "Processing is lawful only on one of the bases of GDPR Art. 6(1), and people are told which (Art. 13(1)(c)).", Fix: "Add @lawful to the value."},
	{ID: ruleBitTwice, Title: "two purposes with one bit", Why: "The bit is the purpose's place in every person's privacy state. Shared, a consent to one purpose would be a consent to the other (against Art. 7(2)).", Fix: "Give the newer purpose a bit no purpose ever had."},
	{ID: ruleBitRange, Title: "a bit outside 0 to 55", Why: "The privacy state is 64 bits, and the last ones are kept for restriction, erasure and legal holds.", Fix: "Take a bit from 0 to 55."},
	{ID: ruleTooMany, Title: "too many purposes or roles", Why: "Sets of them are one machine word, so that a decision costs a bit test.", Fix: "Merge those that people would not tell apart."},
	{ID: ruleConsentBasis, Title: "consent to a purpose that does not rest on consent", Why: "To ask for consent where another basis applies misleads people: they could not effectively refuse (GDPR Art. 7(4), recital 43).", Fix: "Name a purpose whose basis is CONSENT."},
	{ID: ruleSafeguard, Title: "data that leaves without a safeguard", Why: "Outside the European Economic Area the law of the place protects nobody by itself. People are told what does (GDPR Art. 13(1)(f), Art. 44).", Fix: "Name the safeguard, for example safeguard: STANDARD_CLAUSES."},
	{ID: ruleLanguage, Title: "a language that is none", Why: "Browsers and people choose a notice by its BCP 47 tag. One form per language, or the same language would be two.", Fix: "Write the canonical tag, such as de or pt-BR."},
	{ID: ruleTranslated, Title: "a translation of what the schema does not say", Why: "A text that changed must not go on in another language as it was: people would be told two different things (GDPR Art. 12(1)).", Fix: "Translate the text as it stands now, or remove the translation."},
	{ID: ruleNoBit, Title: "a purpose that people decide about, without a bit", Why: "Consent and objection are bits of each person's privacy state. Without a place of its own a purpose could not remember either.", Fix: "Add a bit no purpose ever had."},
	{ID: ruleUnclassified, Title: "a field that is not classified", Why: "Protection by default (GDPR Art. 25(2)): a new field is hidden until somebody decided what it is.", Fix: "Add @pii(category: …) or @public(because: …)."},
	{ID: ruleBoth, Title: "a field both personal and public", Why: "One of the two is wrong, and guessing which would disclose.", Fix: "Keep one."},
	{ID: ruleNoOwner, Title: "personal data of nobody", Why: "Without a way to the person there is no access, no rectification, no erasure and no consent (GDPR Art. 15 to 21).", Fix: "Mark the type @subject, or an edge that leads to the person @owner."},
	{ID: ruleNoPurpose, Title: "personal data without a purpose", Why: "Purpose limitation (GDPR Art. 5(1)(b)).", Fix: "Add @purpose(only: […]) to the type."},
	{ID: ruleNoRetention, Title: "personal data for ever", Why: "Storage limitation (GDPR Art. 5(1)(e)): data is kept no longer than necessary.", Fix: "Add @retain to the type."},
	{ID: ruleMaskType, Title: "a mask that does not fit the type", Why: "Each mask is made from values of certain types, others it cannot show.", Fix: "Choose a mask for the field's type."},
	{ID: ruleMaskNull, Title: "a non-null field whose mask is null", Why: "GraphQL would turn the whole record into an error for exactly those viewers who may see the rest of it.", Fix: "Make the field nullable, or choose a mask that shows something."},
	{ID: ruleFind, Title: "a look-up the storage cannot answer", Why: "The database compares beginnings and order only of values it can read. A sealed value it cannot (GDPR Art. 32(1)(a)).", Fix: "Use find: EXACT, or store the value as PLAIN and accept what that shows the database."},
	{ID: ruleSealedIndex, Title: "an index over sealed values", Why: "Equal values are sealed differently each time: an index over them is useless, and uniqueness needs a blind index.", Fix: "Add find: EXACT, or remove the index."},
	{ID: ruleWithheld, Title: "a non-null field that may be withheld", Why: "What a viewer may not see is null. A non-null field would turn the whole record into an error.", Fix: "Make the field nullable."},
	{ID: ruleLessStrict, Title: "a field less strict than what it shows", Why: "A computed field, interface or union is another way to the same data and must not be an easier one.", Fix: "Be as strict as the strictest source."},
	{ID: ruleOwnerEdge, Title: "@owner on what is not an edge to one record", Why: "The way to a person is a chain of keys, each leading to one record.", Fix: "Put @owner on a to-one edge."},
	{ID: ruleOwnerNowhere, Title: "an owner that leads to nobody", Why: "The chain must end at a natural person, or their rights do not reach the record.", Fix: "Add @subject or @owner at the other end."},
	{ID: ruleOwnerCycle, Title: "owners in a circle", Why: "A chain that comes back to itself never reaches a person; one that is too long makes every query slow.", Fix: "Remove @owner from one edge."},
	{ID: ruleClock, Title: "a retention without a clock", Why: "Retention counts from a time in the same row, which the database must be able to read.", Fix: "Name a DateTime or Date column of the type that is not sealed."},
	{ID: rulePeriod, Title: "a period that is none", Why: "Retention periods are told to people and must mean one thing. One form per period: no signs, no hours, no zero parts (Regulation (EEC, Euratom) No 1182/71 says how they are counted).", Fix: "Write an ISO 8601 period such as P2Y6M."},
	{ID: ruleAAL, Title: "an assurance level that does not exist", Why: "A level nobody can reach would close the door for good; one below the least would ask for nothing (NIST SP 800-63B Section 4).", Fix: "Write 1 for one factor, 2 for two."},
	{ID: ruleDuration, Title: "a duration that is none", Why: "How fresh a sign-in must be decides about access and must mean one thing. One form per duration: no signs, no days, no fractions, no zero parts.", Fix: "Write an ISO 8601 duration such as PT15M."},
	{ID: ruleVoidStepUp, Title: "a step-up that can be avoided", Why: "Rules of @access add up: whoever is granted the same by a rule that asks for less never meets the step-up, and the schema promises a protection that is not there.", Fix: "Let only the rule with the step-up grant it."},
	{ID: ruleOtherwise, Title: "what cannot become of a field without consent", Why: "A row is hidden as a whole, and an error needs a null beside it.", Fix: "Use NULL, or put the directive on the type."},
	{ID: ruleWhenSyntax, Title: "a condition that is not CEL", Why: "A condition that cannot be read cannot be enforced.", Fix: "Write a comparison, for example row.region == viewer.region."},
	{ID: ruleWhenName, Title: "a condition about something that does not exist", Why: "It would be unknown for every row, and so grant nothing.", Fix: "Correct the spelling."},
	{ID: ruleWhenType, Title: "a condition that compares what cannot be compared", Why: "Databases disagree about comparisons across types, and a rule of access must not depend on which one is used.", Fix: "Compare values of one type."},
	{ID: ruleWhenUntranslatable, Title: "a condition SQL cannot decide", Why: "Every rule becomes part of the query, so that a row that is not granted never leaves the database. Nothing is evaluated after the fetch.", Fix: "Keep the deciding fact in a field and compare that."},
	{ID: ruleWhenSealed, Title: "a condition over a sealed field", Why: "The database cannot read sealed values, and a rule over them would disclose them.", Fix: "Use another field, or store this one as PLAIN."},
	{ID: ruleDefault, Title: "a default that is not a value", Why: "A default must be a value the field accepts, or no row could be created with it.", Fix: "Write a value of the field's type."},
	{ID: ruleTextOnly, Title: "a rule about texts on another type", Why: "Formats and lengths are properties of texts.", Fix: "Remove it, or make the field a String."},
	{ID: rulePattern, Title: "a pattern that is not RE2", Why: "Patterns run on input from outside; RE2 takes linear time whatever the input.", Fix: "Write an RE2 expression."},
	{ID: ruleLength, Title: "bounds that no text fits", Why: "No value could ever be stored.", Fix: "Give min from 0 to max, and max at least 1."},
	{ID: ruleInverse, Title: "an inverse that is not one", Why: "Both ends of a relation must agree which key they share.", Fix: "Name the field at the other end that points back."},
	{ID: ruleOneToOne, Title: "two keys for one relation", Why: "Two keys that mean one relation will sooner or later disagree, and access through them would too.", Fix: "Keep one field, with @unique."},
	{ID: ruleManyToMany, Title: "a relation of many to many", Why: "It needs a joining record. Written as a type it has an owner, purposes and retention like any other.", Fix: "Add a joining type."},
	{ID: ruleAmbiguous, Title: "a list with several possible keys", Why: "Guessing the key would show the wrong people's records.", Fix: "Name it with @edge(inverse: …)."},
	{ID: ruleClaimed, Title: "two lists over one key", Why: "Both would show the same records under different rules.", Fix: "Remove one, or add a second key."},
	{ID: ruleSetNull, Title: "a required edge set to null", Why: "The database could not delete the other record.", Fix: "Make the edge nullable, or choose CASCADE or RESTRICT."},
	{ID: ruleComputed, Title: "a computed field that cannot be computed", Why: "A computed field is stored texts of the same type, joined.", Fix: "Name stored text fields of the type."},
	{ID: ruleImplements, Title: "a type that does not implement its interface", Why: "The generated API would not be valid GraphQL.", Fix: "Add the field, or correct its type."},
	{ID: ruleNoType, Title: "a schema without a type", Why: "A check that had nothing to check would say that all is well: a wrong directory, or files that hold comments alone, pass for a schema without mistakes.", Fix: "Name the files or the directory that hold the types, or declare one."},
	{ID: ruleAudience, Title: "an audience of nobody, or of people nobody can tell apart", Why: "Whether somebody may be contacted depends on the channel, on what they said about its purpose, and on an address that is kept for it (GDPR Art. 6(1)(a), 21(2)). Where one of these is missing, the list would be empty for ever, or one of everybody.", Fix: "Name a list that leads to people, and a field of an enum whose values have @channel."},
}

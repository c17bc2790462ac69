package codegen

// consent describes what people decide about their data, see package consent.
func (w *sdl) consent() {
	if w.schema.Enum(purposeEnum) == nil {
		return
	}
	w.line(`"Where a person stands towards one purpose."
type ConsentState {
  purpose: Purpose!
  "The lawful basis (GDPR Art. 6(1))."
  basis: String!
  "The person's objection is absolute (GDPR Art. 21(3))."
  directMarketing: Boolean!
  "What the person is told now. Show it when you ask, and send its hash with the answer."
  notice("BCP 47; the schema's own where there is no text in it." language: String): NoticeText!
  "Consent was given and not withdrawn, and has not run out."
  given: Boolean!
  "The person objected (GDPR Art. 21)."
  objected: Boolean!
  "When they last said something about it."
  at: DateTime
  "When the consent runs out."
  expiresAt: DateTime
  "The notice has other words than the one to which consent was given."
  noticeChanged: Boolean!
  "The last word about it, with what was shown then."
  last: ConsentEntry
}

"What people are shown when they are asked. A text is never changed: another text has another hash."
type NoticeText {
  "SHA-256 of the text in UTF-8, hex."
  hash: String!
  "The purpose's name at the time."
  purpose: String!
  "BCP 47."
  language: String!
  version: String!
  text: String!
}

"A line of the ledger. Lines are never changed or taken away; a mistake is corrected by another line."
type ConsentEntry {
  id: ID!
  "The person's lines are numbered from 1."
  number: Int!
  decision: ConsentDecision!
  "The purpose's name at the time; null where the decision is about all processing."
  purpose: String
  at: DateTime!
  method: ConsentMethod!
  "` + "`subject`" + ` for the person themselves, ` + "`system`" + `, or the role that recorded it for them."
  actor: String!
  "What was shown, to the byte."
  notice: NoticeText
  "The reason of a restriction, or for overruling an objection."
  ground: String
  "A reference to what proves it."
  evidence: String
  expiresAt: DateTime
  "A signed receipt (JWS; ISO/IEC TS 27560), to be kept and verified by anybody; null while the keys are away, or of a purpose that is gone."
  receipt: String
}

type ConsentHistory {
  nodes: [ConsentEntry!]!
  pageInfo: PageInfo!
}

enum ConsentDecision {
  GIVE
  "GDPR Art. 7(3)."
  WITHDRAW
  "GDPR Art. 21(1) and (2)."
  OBJECT
  WITHDRAW_OBJECTION
  "GDPR Art. 21(1): compelling legitimate grounds override it. Never of direct marketing."
  OVERRULE_OBJECTION
  "GDPR Art. 18(1)."
  RESTRICT
  "GDPR Art. 18(3): the person was told that the restriction is to be lifted."
  INFORM
  LIFT_RESTRICTION
}

"How a decision was expressed."
enum ConsentMethod {
  "By the person, signed in."
  PORTAL
  FORM
  TELEPHONE
  LETTER
  EMAIL
  IN_PERSON
  "Collected before, elsewhere."
  IMPORT
  "Global Privacy Control."
  GPC
  "By a link that was mailed to them."
  DOUBLE_OPT_IN
  "By one click in a mail (RFC 8058)."
  UNSUBSCRIBE
}

"Why processing is restricted: the letters of GDPR Art. 18(1)."
enum RestrictionGround {
  "(a): the person says that the data is wrong."
  ACCURACY
  "(b): the processing is unlawful, and the person wants it kept all the same."
  UNLAWFUL
  "(c): the person needs it for legal claims."
  LEGAL_CLAIMS
  "(d): the person objected, and whose grounds prevail is not decided."
  OBJECTION
}

"Whether a person's data is processed for nothing but their own requests and what the law asks for (GDPR Art. 18(2))."
type RestrictionState {
  restricted: Boolean!
  since: DateTime
  ground: RestrictionGround
  "When the person was told that it is to be lifted."
  informedAt: DateTime
}

input GiveConsentInput {
  purpose: Purpose!
  "Whose consent is recorded, by the id of one of their records. Left out, the viewer's own."
  subject: ID
  "The hash of the notice that was shown. Left out, the current one in that language."
  notice: String
  "BCP 47."
  language: String
  "How it was expressed, for staff: FORM, TELEPHONE, LETTER, EMAIL or IN_PERSON."
  method: ConsentMethod
  "What proves it, for staff: the number of a form or of a recorded call; never its content."
  evidence: String
  "When it runs out. Left out, when it is withdrawn."
  expiresAt: DateTime
}

input RequestConsentInput {
  purpose: Purpose!
  "Who is asked, by the id of one of their records. Left out, the viewer."
  subject: ID
  "Of the mail and of the text: BCP 47. Left out, the schema's own."
  language: String
  "When the consent is to run out. Left out, when it is withdrawn."
  expiresAt: DateTime
}

input WithdrawConsentInput {
  purpose: Purpose!
  "Who withdraws. Left out, the viewer."
  subject: ID
  "For staff."
  method: ConsentMethod
  evidence: String
}

input ObjectToInput {
  purpose: Purpose!
  "Who objects. Left out, the viewer."
  subject: ID
  "For staff."
  method: ConsentMethod
  evidence: String
}

input WithdrawObjectionInput {
  purpose: Purpose!
  "Whose objection is withdrawn. Left out, the viewer's."
  subject: ID
  "For staff."
  method: ConsentMethod
  "For staff: what proves that the person wants it."
  evidence: String
}

input OverruleObjectionInput {
  purpose: Purpose!
  "Whose objection, by the id of one of their records."
  subject: ID!
  "The compelling legitimate grounds that override the person's interests, or the legal claims that need it."
  grounds: String!
  "Where the decision is kept."
  evidence: String!
}

input RestrictProcessingInput {
  "Whose data. Left out, the viewer's."
  subject: ID
  ground: RestrictionGround!
  "For staff."
  method: ConsentMethod
  evidence: String
}

input InformOfLiftingInput {
  "Who was told, by the id of one of their records."
  subject: ID!
  "How they were told."
  method: ConsentMethod!
  "What proves it, such as the number of the letter."
  evidence: String!
}

input LiftRestrictionInput {
  "Whose data. Left out, the viewer's."
  subject: ID
  "For staff."
  method: ConsentMethod
  "For staff: why."
  evidence: String
}

"What goes into a mail, so that whoever reads it opts out of the mail's purpose with one click (RFC 8058)."
type UnsubscribeLink {
  "Of the record that was asked for."
  id: ID!
  "For the text of the mail: a page with one button."
  url: String!
  "The header List-Unsubscribe. It and the next one have to be among those that DKIM signs."
  listUnsubscribe: String!
  "The header List-Unsubscribe-Post."
  listUnsubscribePost: String!
}

type ConsentPayload {
  consent: ConsentState!
  "The line of the ledger that records it."
  entry: ConsentEntry!
  entryId: ID!
}

type RequestConsentPayload {
  "The request was taken. Whether a mail can be sent is not told: that would tell whether there is an address."
  accepted: Boolean!
  "Until when the link in the mail works."
  linkExpiresAt: DateTime!
}

type RestrictionPayload {
  restriction: RestrictionState!
  "The line of the ledger that records it."
  entry: ConsentEntry!
}
`)
}

// consentArgument names the person of a question.
const consentArgument = `"Whose, by the id of one of their records, for those who may record it. Left out, the viewer's own." subject: ID`

func (w *sdl) consentQueries() {
	w.line(`  "Where a person stands towards each purpose that they can decide about: now, or as it was at some moment."`)
	w.line(`  consents(%s, at: DateTime): [ConsentState!]!`, consentArgument)
	w.line(`  "What a person decided, oldest first."`)
	w.line(`  consentHistory(%s, "One purpose alone." purpose: Purpose, "25 unless told, 1000 at most." first: Int, "The endCursor of the page before." after: String): ConsentHistory!`, consentArgument)
	w.line(`  "Whether the processing of a person's data is restricted (GDPR Art. 18)."`)
	w.line(`  restriction(%s): RestrictionState!`, consentArgument)
	w.line(`  "A text that people are or were shown, by its hash; null where none is known by it."`)
	w.line(`  noticeText(hash: String!): NoticeText`)
	w.line(`  "How the people who get a mail opt out of its purpose, that of the operation, by the ids of their records; null where there is none. A link does not run out."`)
	w.line(`  unsubscribeLinks(ids: [ID!]!): [UnsubscribeLink]!`)
}

func (w *sdl) consentMutations() {
	w.line(`  "Records consent (GDPR Art. 7(1)) to one purpose. Nothing is consented to along with it."
  giveConsent(input: GiveConsentInput!): ConsentPayload!
  "Has a person asked by mail for consent to one purpose (double opt-in). They have consented once they confirm it on the page that the link in it leads to."
  requestConsent(input: RequestConsentInput!): RequestConsentPayload!
  "Withdraws consent (GDPR Art. 7(3)). No read that starts later is answered on it."
  withdrawConsent(input: WithdrawConsentInput!): ConsentPayload!
  "Objects to a purpose that rests on legitimate interests or a public task (GDPR Art. 21(1)), or to any direct marketing (Art. 21(2))."
  objectTo(input: ObjectToInput!): ConsentPayload!
  "Takes an objection back, as the person wishes."
  withdrawObjection(input: WithdrawObjectionInput!): ConsentPayload!
  "Goes on in spite of an objection, on compelling legitimate grounds (GDPR Art. 21(1)). Never with direct marketing."
  overruleObjection(input: OverruleObjectionInput!): ConsentPayload!
  "Restricts processing to what the person or the law asks for (GDPR Art. 18(1))."
  restrictProcessing(input: RestrictProcessingInput!): RestrictionPayload!
  "Records that the person was told of the lifting to come (GDPR Art. 18(3)). Nothing is lifted by it."
  informOfLifting(input: InformOfLiftingInput!): RestrictionPayload!
  "Lifts a restriction. For staff it waits until the person was told."
  liftRestriction(input: LiftRestrictionInput!): RestrictionPayload!`)
}

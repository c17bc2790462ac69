table "accounts" {
  schema = schema.public
  column "id" {
    null = false
    type = uuid
  }
  column "external_id" {
    null = true
    type = text
  }
  column "external_id_instance" {
    null    = false
    type    = bigint
    default = sql("0")
  }
  column "name" {
    null = false
    type = text
  }
  column "domain" {
    null = true
    type = text
  }
  column "website" {
    null = true
    type = text
  }
  column "industry" {
    null = true
    type = text
  }
  column "region" {
    null = true
    type = text
  }
  column "country" {
    null = true
    type = text
  }
  column "city" {
    null = true
    type = text
  }
  column "phone" {
    null = true
    type = text
  }
  column "employees" {
    null = true
    type = bigint
  }
  column "annual_revenue" {
    null = true
    type = bigint
  }
  column "currency" {
    null    = true
    type    = text
    default = sql("'USD'")
  }
  column "year_established" {
    null = true
    type = bigint
  }
  column "created_at" {
    null = false
    type = timestamptz
  }
  column "updated_at" {
    null = true
    type = timestamptz
  }
  column "parent_id" {
    null = true
    type = uuid
  }
  column "owner_id" {
    null = true
    type = uuid
  }
  primary_key {
    columns = [column.id]
  }
  foreign_key "accounts_accounts_parent_edge_of" {
    columns     = [column.parent_id]
    ref_columns = [column.id]
    on_delete   = SET_NULL
  }
  foreign_key "accounts_users_owner_edge" {
    columns     = [column.owner_id]
    ref_columns = [table.users.column.id]
    on_delete   = SET_NULL
  }
  index "account_external_id_external_id_instance" {
    unique  = true
    columns = [column.external_id, column.external_id_instance]
  }
  index "account_name_id" {
    columns = [column.name, column.id]
  }
  index "account_domain_id" {
    columns = [column.domain, column.id]
  }
  index "account_industry_id" {
    columns = [column.industry, column.id]
  }
  index "account_region_id" {
    columns = [column.region, column.id]
  }
  index "account_country_id" {
    columns = [column.country, column.id]
  }
  index "account_parent_id_id" {
    columns = [column.parent_id, column.id]
  }
  index "account_owner_id_id" {
    columns = [column.owner_id, column.id]
  }
}
table "activities" {
  schema = schema.public
  column "id" {
    null = false
    type = uuid
  }
  column "sealed_by" {
    null = true
    type = uuid
  }
  column "type" {
    null = false
    type = varchar
  }
  column "occurred_at" {
    null = false
    type = timestamptz
  }
  column "duration_minutes" {
    null = true
    type = bigint
  }
  column "direction" {
    null = true
    type = varchar
  }
  column "title_sealed" {
    null = true
    type = bytea
  }
  column "summary_sealed" {
    null = true
    type = bytea
  }
  column "created_at" {
    null = false
    type = timestamptz
  }
  column "contact_id" {
    null = true
    type = uuid
  }
  column "lead_id" {
    null = true
    type = uuid
  }
  column "account_id" {
    null = true
    type = uuid
  }
  column "deal_id" {
    null = true
    type = uuid
  }
  column "performed_by_id" {
    null = true
    type = uuid
  }
  primary_key {
    columns = [column.id]
  }
  foreign_key "activities_contacts_contact_edge" {
    columns     = [column.contact_id]
    ref_columns = [table.contacts.column.id]
    on_delete   = CASCADE
  }
  foreign_key "activities_leads_lead_edge" {
    columns     = [column.lead_id]
    ref_columns = [table.leads.column.id]
    on_delete   = CASCADE
  }
  foreign_key "activities_accounts_account_edge" {
    columns     = [column.account_id]
    ref_columns = [table.accounts.column.id]
    on_delete   = SET_NULL
  }
  foreign_key "activities_deals_deal_edge" {
    columns     = [column.deal_id]
    ref_columns = [table.deals.column.id]
    on_delete   = SET_NULL
  }
  foreign_key "activities_users_performed_by_edge" {
    columns     = [column.performed_by_id]
    ref_columns = [table.users.column.id]
    on_delete   = SET_NULL
  }
  index "activity_sealed_by" {
    columns = [column.sealed_by]
  }
  index "activity_type_id" {
    columns = [column.type, column.id]
  }
  index "activity_occurred_at_id" {
    columns = [column.occurred_at, column.id]
  }
  index "activity_contact_id_id" {
    columns = [column.contact_id, column.id]
  }
  index "activity_lead_id_id" {
    columns = [column.lead_id, column.id]
  }
  index "activity_account_id_id" {
    columns = [column.account_id, column.id]
  }
  index "activity_deal_id_id" {
    columns = [column.deal_id, column.id]
  }
  index "activity_performed_by_id_id" {
    columns = [column.performed_by_id, column.id]
  }
}
table "campaigns" {
  schema = schema.public
  column "id" {
    null = false
    type = uuid
  }
  column "external_id" {
    null = true
    type = text
  }
  column "external_id_instance" {
    null    = false
    type    = bigint
    default = sql("0")
  }
  column "name" {
    null = false
    type = text
  }
  column "channel" {
    null = false
    type = varchar
  }
  column "status" {
    null    = false
    type    = varchar
    default = sql("'PLANNED'")
  }
  column "starts_on" {
    null = true
    type = date
  }
  column "ends_on" {
    null = true
    type = date
  }
  column "budget" {
    null = true
    type = bigint
  }
  column "currency" {
    null    = true
    type    = text
    default = sql("'USD'")
  }
  column "created_at" {
    null = false
    type = timestamptz
  }
  column "owner_id" {
    null = true
    type = uuid
  }
  primary_key {
    columns = [column.id]
  }
  foreign_key "campaigns_users_owner_edge" {
    columns     = [column.owner_id]
    ref_columns = [table.users.column.id]
    on_delete   = SET_NULL
  }
  index "campaign_external_id_external_id_instance" {
    unique  = true
    columns = [column.external_id, column.external_id_instance]
  }
  index "campaign_status_id" {
    columns = [column.status, column.id]
  }
  index "campaign_starts_on_id" {
    columns = [column.starts_on, column.id]
  }
  index "campaign_owner_id_id" {
    columns = [column.owner_id, column.id]
  }
}
table "campaign_members" {
  schema = schema.public
  column "id" {
    null = false
    type = uuid
  }
  column "status" {
    null    = true
    type    = varchar
    default = sql("'PLANNED'")
  }
  column "opened_at" {
    null = true
    type = timestamptz
  }
  column "clicked_at" {
    null = true
    type = timestamptz
  }
  column "created_at" {
    null = false
    type = timestamptz
  }
  column "campaign_id" {
    null = false
    type = uuid
  }
  column "contact_id" {
    null = true
    type = uuid
  }
  column "lead_id" {
    null = true
    type = uuid
  }
  primary_key {
    columns = [column.id]
  }
  foreign_key "campaign_members_campaigns_campaign_edge" {
    columns     = [column.campaign_id]
    ref_columns = [table.campaigns.column.id]
    on_delete   = CASCADE
  }
  foreign_key "campaign_members_contacts_contact_edge" {
    columns     = [column.contact_id]
    ref_columns = [table.contacts.column.id]
    on_delete   = CASCADE
  }
  foreign_key "campaign_members_leads_lead_edge" {
    columns     = [column.lead_id]
    ref_columns = [table.leads.column.id]
    on_delete   = CASCADE
  }
  index "campaignmember_campaign_id_id" {
    columns = [column.campaign_id, column.id]
  }
  index "campaignmember_contact_id_id" {
    columns = [column.contact_id, column.id]
  }
  index "campaignmember_lead_id_id" {
    columns = [column.lead_id, column.id]
  }
}
table "consent_entries" {
  schema = schema.public
  column "id" {
    null = false
    type = uuid
  }
  column "subject_id" {
    null = false
    type = uuid
  }
  column "seq" {
    null = false
    type = bigint
  }
  column "decision" {
    null = false
    type = varchar
  }
  column "purpose" {
    null    = false
    type    = varchar
    default = sql("''")
  }
  column "bit" {
    null    = false
    type    = bigint
    default = sql("-1")
  }
  column "at" {
    null = false
    type = timestamptz
  }
  column "method" {
    null = false
    type = varchar
  }
  column "actor" {
    null = false
    type = varchar
  }
  column "recorded_by" {
    null    = false
    type    = varchar
    default = sql("''")
  }
  column "language" {
    null    = false
    type    = varchar
    default = sql("''")
  }
  column "notice_version" {
    null    = false
    type    = varchar
    default = sql("''")
  }
  column "notice_hash" {
    null    = false
    type    = varchar
    default = sql("''")
  }
  column "ground" {
    null    = false
    type    = varchar
    default = sql("''")
  }
  column "evidence" {
    null    = false
    type    = text
    default = sql("''")
  }
  column "expires_at" {
    null = true
    type = timestamptz
  }
  primary_key {
    columns = [column.id]
  }
  index "consententry_subject_id_seq" {
    unique  = true
    columns = [column.subject_id, column.seq]
  }
}
table "contacts" {
  schema = schema.public
  column "id" {
    null = false
    type = uuid
  }
  column "subject_id" {
    null = false
    type = uuid
  }
  column "privacy_state" {
    null    = false
    type    = bigint
    default = sql("0")
  }
  column "consent_until" {
    null    = false
    type    = bigint
    default = sql("-9223372036854775808")
  }
  column "consent_ends" {
    null = true
    type = varchar
  }
  column "external_id" {
    null = true
    type = text
  }
  column "external_id_instance" {
    null    = false
    type    = bigint
    default = sql("0")
  }
  column "first_name_sealed" {
    null = true
    type = bytea
  }
  column "last_name_sealed" {
    null = true
    type = bytea
  }
  column "last_name_index" {
    null = true
    type = bigint
  }
  column "birthday_sealed" {
    null = true
    type = bytea
  }
  column "email_sealed" {
    null = true
    type = bytea
  }
  column "email_index" {
    null = true
    type = bigint
  }
  column "phone_sealed" {
    null = true
    type = bytea
  }
  column "phone_index" {
    null = true
    type = bigint
  }
  column "mobile_sealed" {
    null = true
    type = bytea
  }
  column "mobile_index" {
    null = true
    type = bigint
  }
  column "fax_sealed" {
    null = true
    type = bytea
  }
  column "street_sealed" {
    null = true
    type = bytea
  }
  column "city_sealed" {
    null = true
    type = bytea
  }
  column "city_index" {
    null = true
    type = bigint
  }
  column "postal_code_sealed" {
    null = true
    type = bytea
  }
  column "postal_code_index" {
    null = true
    type = bigint
  }
  column "state_sealed" {
    null = true
    type = bytea
  }
  column "country" {
    null = true
    type = text
  }
  column "region" {
    null = true
    type = text
  }
  column "job_title_sealed" {
    null = true
    type = bytea
  }
  column "preferred_language" {
    null = true
    type = text
  }
  column "notes_sealed" {
    null = true
    type = bytea
  }
  column "accessibility_needs_sealed" {
    null = true
    type = bytea
  }
  column "lifecycle_stage" {
    null    = true
    type    = varchar
    default = sql("'SUBSCRIBER'")
  }
  column "subscribed_at" {
    null = true
    type = date
  }
  column "last_activity_at" {
    null = true
    type = timestamptz
  }
  column "lead_score" {
    null = true
    type = bigint
  }
  column "scored_at" {
    null = true
    type = timestamptz
  }
  column "created_at" {
    null = false
    type = timestamptz
  }
  column "updated_at" {
    null = true
    type = timestamptz
  }
  column "account_id" {
    null = true
    type = uuid
  }
  column "owner_id" {
    null = true
    type = uuid
  }
  primary_key {
    columns = [column.id]
  }
  foreign_key "contacts_accounts_account_edge" {
    columns     = [column.account_id]
    ref_columns = [table.accounts.column.id]
    on_delete   = SET_NULL
  }
  foreign_key "contacts_users_owner_edge" {
    columns     = [column.owner_id]
    ref_columns = [table.users.column.id]
    on_delete   = SET_NULL
  }
  index "contact_subject_id" {
    columns = [column.subject_id]
  }
  index "contact_external_id_external_id_instance" {
    unique  = true
    columns = [column.external_id, column.external_id_instance]
  }
  index "contact_last_name_index_id" {
    columns = [column.last_name_index, column.id]
  }
  index "contact_email_index_id" {
    columns = [column.email_index, column.id]
  }
  index "contact_phone_index_id" {
    columns = [column.phone_index, column.id]
  }
  index "contact_mobile_index_id" {
    columns = [column.mobile_index, column.id]
  }
  index "contact_city_index_id" {
    columns = [column.city_index, column.id]
  }
  index "contact_postal_code_index_id" {
    columns = [column.postal_code_index, column.id]
  }
  index "contact_country_id" {
    columns = [column.country, column.id]
  }
  index "contact_region_id" {
    columns = [column.region, column.id]
  }
  index "contact_lifecycle_stage_id" {
    columns = [column.lifecycle_stage, column.id]
  }
  index "contact_last_activity_at_id" {
    columns = [column.last_activity_at, column.id]
  }
  index "contact_account_id_id" {
    columns = [column.account_id, column.id]
  }
  index "contact_owner_id_id" {
    columns = [column.owner_id, column.id]
  }
}
table "deals" {
  schema = schema.public
  column "id" {
    null = false
    type = uuid
  }
  column "sealed_by" {
    null = true
    type = uuid
  }
  column "external_id" {
    null = true
    type = text
  }
  column "external_id_instance" {
    null    = false
    type    = bigint
    default = sql("0")
  }
  column "name_sealed" {
    null = true
    type = bytea
  }
  column "stage" {
    null    = false
    type    = varchar
    default = sql("'PROSPECTING'")
  }
  column "amount" {
    null = true
    type = bigint
  }
  column "currency" {
    null    = true
    type    = text
    default = sql("'USD'")
  }
  column "probability" {
    null = true
    type = bigint
  }
  column "expected_close_on" {
    null = true
    type = date
  }
  column "closed_at" {
    null = true
    type = date
  }
  column "next_step_sealed" {
    null = true
    type = bytea
  }
  column "created_at" {
    null = false
    type = timestamptz
  }
  column "updated_at" {
    null = true
    type = timestamptz
  }
  column "account_id" {
    null = true
    type = uuid
  }
  column "contact_id" {
    null = true
    type = uuid
  }
  column "owner_id" {
    null = true
    type = uuid
  }
  column "product_id" {
    null = true
    type = uuid
  }
  primary_key {
    columns = [column.id]
  }
  foreign_key "deals_accounts_account_edge" {
    columns     = [column.account_id]
    ref_columns = [table.accounts.column.id]
    on_delete   = SET_NULL
  }
  foreign_key "deals_contacts_contact_edge" {
    columns     = [column.contact_id]
    ref_columns = [table.contacts.column.id]
    on_delete   = SET_NULL
  }
  foreign_key "deals_users_owner_edge" {
    columns     = [column.owner_id]
    ref_columns = [table.users.column.id]
    on_delete   = SET_NULL
  }
  foreign_key "deals_products_product_edge" {
    columns     = [column.product_id]
    ref_columns = [table.products.column.id]
    on_delete   = SET_NULL
  }
  index "deal_sealed_by" {
    columns = [column.sealed_by]
  }
  index "deal_external_id_external_id_instance" {
    unique  = true
    columns = [column.external_id, column.external_id_instance]
  }
  index "deal_stage_id" {
    columns = [column.stage, column.id]
  }
  index "deal_closed_at_id" {
    columns = [column.closed_at, column.id]
  }
  index "deal_account_id_id" {
    columns = [column.account_id, column.id]
  }
  index "deal_contact_id_id" {
    columns = [column.contact_id, column.id]
  }
  index "deal_owner_id_id" {
    columns = [column.owner_id, column.id]
  }
  index "deal_product_id_id" {
    columns = [column.product_id, column.id]
  }
}
table "leads" {
  schema = schema.public
  column "id" {
    null = false
    type = uuid
  }
  column "subject_id" {
    null = false
    type = uuid
  }
  column "privacy_state" {
    null    = false
    type    = bigint
    default = sql("0")
  }
  column "consent_until" {
    null    = false
    type    = bigint
    default = sql("-9223372036854775808")
  }
  column "consent_ends" {
    null = true
    type = varchar
  }
  column "external_id" {
    null = true
    type = text
  }
  column "external_id_instance" {
    null    = false
    type    = bigint
    default = sql("0")
  }
  column "first_name_sealed" {
    null = true
    type = bytea
  }
  column "last_name_sealed" {
    null = true
    type = bytea
  }
  column "last_name_index" {
    null = true
    type = bigint
  }
  column "email_sealed" {
    null = true
    type = bytea
  }
  column "email_index" {
    null = true
    type = bigint
  }
  column "phone_sealed" {
    null = true
    type = bytea
  }
  column "phone_index" {
    null = true
    type = bigint
  }
  column "company_sealed" {
    null = true
    type = bytea
  }
  column "job_title_sealed" {
    null = true
    type = bytea
  }
  column "country" {
    null = true
    type = text
  }
  column "region" {
    null = true
    type = text
  }
  column "status" {
    null    = true
    type    = varchar
    default = sql("'NEW'")
  }
  column "source" {
    null = true
    type = varchar
  }
  column "notes_sealed" {
    null = true
    type = bytea
  }
  column "last_activity_at" {
    null = true
    type = timestamptz
  }
  column "created_at" {
    null = false
    type = timestamptz
  }
  column "updated_at" {
    null = true
    type = timestamptz
  }
  column "campaign_id" {
    null = true
    type = uuid
  }
  column "owner_id" {
    null = true
    type = uuid
  }
  column "converted_to_id" {
    null = true
    type = uuid
  }
  primary_key {
    columns = [column.id]
  }
  foreign_key "leads_campaigns_campaign_edge" {
    columns     = [column.campaign_id]
    ref_columns = [table.campaigns.column.id]
    on_delete   = SET_NULL
  }
  foreign_key "leads_users_owner_edge" {
    columns     = [column.owner_id]
    ref_columns = [table.users.column.id]
    on_delete   = SET_NULL
  }
  foreign_key "leads_contacts_converted_to_edge" {
    columns     = [column.converted_to_id]
    ref_columns = [table.contacts.column.id]
    on_delete   = SET_NULL
  }
  index "lead_subject_id" {
    columns = [column.subject_id]
  }
  index "lead_external_id_external_id_instance" {
    unique  = true
    columns = [column.external_id, column.external_id_instance]
  }
  index "lead_last_name_index_id" {
    columns = [column.last_name_index, column.id]
  }
  index "lead_email_index_id" {
    columns = [column.email_index, column.id]
  }
  index "lead_phone_index_id" {
    columns = [column.phone_index, column.id]
  }
  index "lead_country_id" {
    columns = [column.country, column.id]
  }
  index "lead_region_id" {
    columns = [column.region, column.id]
  }
  index "lead_status_id" {
    columns = [column.status, column.id]
  }
  index "lead_last_activity_at_id" {
    columns = [column.last_activity_at, column.id]
  }
  index "lead_campaign_id_id" {
    columns = [column.campaign_id, column.id]
  }
  index "lead_owner_id_id" {
    columns = [column.owner_id, column.id]
  }
  index "lead_converted_to_id_id" {
    columns = [column.converted_to_id, column.id]
  }
}
table "notes" {
  schema = schema.public
  column "id" {
    null = false
    type = uuid
  }
  column "sealed_by" {
    null = true
    type = uuid
  }
  column "body_sealed" {
    null = true
    type = bytea
  }
  column "privileged" {
    null    = false
    type    = boolean
    default = sql("false")
  }
  column "created_at" {
    null = false
    type = timestamptz
  }
  column "updated_at" {
    null = true
    type = timestamptz
  }
  column "contact_id" {
    null = true
    type = uuid
  }
  column "lead_id" {
    null = true
    type = uuid
  }
  column "deal_id" {
    null = true
    type = uuid
  }
  column "author_id" {
    null = true
    type = uuid
  }
  primary_key {
    columns = [column.id]
  }
  foreign_key "notes_contacts_contact_edge" {
    columns     = [column.contact_id]
    ref_columns = [table.contacts.column.id]
    on_delete   = CASCADE
  }
  foreign_key "notes_leads_lead_edge" {
    columns     = [column.lead_id]
    ref_columns = [table.leads.column.id]
    on_delete   = CASCADE
  }
  foreign_key "notes_deals_deal_edge" {
    columns     = [column.deal_id]
    ref_columns = [table.deals.column.id]
    on_delete   = CASCADE
  }
  foreign_key "notes_users_author_edge" {
    columns     = [column.author_id]
    ref_columns = [table.users.column.id]
    on_delete   = SET_NULL
  }
  index "note_sealed_by" {
    columns = [column.sealed_by]
  }
  index "note_contact_id_id" {
    columns = [column.contact_id, column.id]
  }
  index "note_lead_id_id" {
    columns = [column.lead_id, column.id]
  }
  index "note_deal_id_id" {
    columns = [column.deal_id, column.id]
  }
  index "note_author_id_id" {
    columns = [column.author_id, column.id]
  }
}
table "notice_texts" {
  schema = schema.public
  column "id" {
    null = false
    type = uuid
  }
  column "hash" {
    null = false
    type = varchar
  }
  column "purpose" {
    null = false
    type = varchar
  }
  column "language" {
    null = false
    type = varchar
  }
  column "version" {
    null = false
    type = varchar
  }
  column "body" {
    null = false
    type = text
  }
  column "first_published" {
    null = false
    type = timestamptz
  }
  primary_key {
    columns = [column.id]
  }
  index "noticetext_hash_purpose_language" {
    unique  = true
    columns = [column.hash, column.purpose, column.language]
  }
}
table "products" {
  schema = schema.public
  column "id" {
    null = false
    type = uuid
  }
  column "external_id" {
    null = true
    type = text
  }
  column "external_id_instance" {
    null    = false
    type    = bigint
    default = sql("0")
  }
  column "name" {
    null = false
    type = text
  }
  column "sku" {
    null = true
    type = text
  }
  column "description" {
    null = true
    type = text
  }
  column "price" {
    null = true
    type = bigint
  }
  column "currency" {
    null    = true
    type    = text
    default = sql("'USD'")
  }
  column "active" {
    null    = false
    type    = boolean
    default = sql("true")
  }
  column "created_at" {
    null = false
    type = timestamptz
  }
  primary_key {
    columns = [column.id]
  }
  index "product_external_id_external_id_instance" {
    unique  = true
    columns = [column.external_id, column.external_id_instance]
  }
  index "product_sku_id" {
    columns = [column.sku, column.id]
  }
}
table "published_purposes" {
  schema = schema.public
  column "id" {
    null = false
    type = uuid
  }
  column "name" {
    null = false
    type = varchar
  }
  column "bit" {
    null = false
    type = bigint
  }
  column "basis" {
    null = false
    type = varchar
  }
  column "material" {
    null = false
    type = text
  }
  column "material_hash" {
    null = false
    type = varchar
  }
  column "first_published" {
    null = false
    type = timestamptz
  }
  primary_key {
    columns = [column.id]
  }
  index "publishedpurpose_name_bit_basis_material_hash" {
    unique  = true
    columns = [column.name, column.bit, column.basis, column.material_hash]
  }
}
table "tasks" {
  schema = schema.public
  column "id" {
    null = false
    type = uuid
  }
  column "sealed_by" {
    null = true
    type = uuid
  }
  column "title_sealed" {
    null = true
    type = bytea
  }
  column "details_sealed" {
    null = true
    type = bytea
  }
  column "priority" {
    null    = false
    type    = varchar
    default = sql("'NORMAL'")
  }
  column "due_on" {
    null = true
    type = date
  }
  column "completed_at" {
    null = true
    type = timestamptz
  }
  column "created_at" {
    null = false
    type = timestamptz
  }
  column "contact_id" {
    null = true
    type = uuid
  }
  column "deal_id" {
    null = true
    type = uuid
  }
  column "assignee_id" {
    null = true
    type = uuid
  }
  primary_key {
    columns = [column.id]
  }
  foreign_key "tasks_contacts_contact_edge" {
    columns     = [column.contact_id]
    ref_columns = [table.contacts.column.id]
    on_delete   = CASCADE
  }
  foreign_key "tasks_deals_deal_edge" {
    columns     = [column.deal_id]
    ref_columns = [table.deals.column.id]
    on_delete   = SET_NULL
  }
  foreign_key "tasks_users_assignee_edge" {
    columns     = [column.assignee_id]
    ref_columns = [table.users.column.id]
    on_delete   = SET_NULL
  }
  index "task_sealed_by" {
    columns = [column.sealed_by]
  }
  index "task_due_on_id" {
    columns = [column.due_on, column.id]
  }
  index "task_completed_at_id" {
    columns = [column.completed_at, column.id]
  }
  index "task_contact_id_id" {
    columns = [column.contact_id, column.id]
  }
  index "task_deal_id_id" {
    columns = [column.deal_id, column.id]
  }
  index "task_assignee_id_id" {
    columns = [column.assignee_id, column.id]
  }
}
table "teams" {
  schema = schema.public
  column "id" {
    null = false
    type = uuid
  }
  column "external_id" {
    null = true
    type = text
  }
  column "external_id_instance" {
    null    = false
    type    = bigint
    default = sql("0")
  }
  column "name" {
    null = false
    type = text
  }
  column "region" {
    null = true
    type = text
  }
  column "created_at" {
    null = false
    type = timestamptz
  }
  column "manager_id" {
    null = true
    type = uuid
  }
  primary_key {
    columns = [column.id]
  }
  foreign_key "teams_users_manager_edge" {
    columns     = [column.manager_id]
    ref_columns = [table.users.column.id]
    on_delete   = SET_NULL
  }
  index "team_external_id_external_id_instance" {
    unique  = true
    columns = [column.external_id, column.external_id_instance]
  }
  index "team_region_id" {
    columns = [column.region, column.id]
  }
  index "team_manager_id_id" {
    columns = [column.manager_id, column.id]
  }
}
table "tickets" {
  schema = schema.public
  column "id" {
    null = false
    type = uuid
  }
  column "sealed_by" {
    null = true
    type = uuid
  }
  column "number" {
    null = true
    type = text
  }
  column "number_instance" {
    null    = false
    type    = bigint
    default = sql("0")
  }
  column "title_sealed" {
    null = true
    type = bytea
  }
  column "description_sealed" {
    null = true
    type = bytea
  }
  column "resolution_sealed" {
    null = true
    type = bytea
  }
  column "status" {
    null    = false
    type    = varchar
    default = sql("'OPEN'")
  }
  column "priority" {
    null    = false
    type    = varchar
    default = sql("'NORMAL'")
  }
  column "channel" {
    null = true
    type = varchar
  }
  column "satisfaction" {
    null = true
    type = bigint
  }
  column "opened_at" {
    null = false
    type = timestamptz
  }
  column "closed_at" {
    null = true
    type = timestamptz
  }
  column "created_at" {
    null = false
    type = timestamptz
  }
  column "updated_at" {
    null = true
    type = timestamptz
  }
  column "contact_id" {
    null = false
    type = uuid
  }
  column "account_id" {
    null = true
    type = uuid
  }
  column "product_id" {
    null = true
    type = uuid
  }
  column "assignee_id" {
    null = true
    type = uuid
  }
  primary_key {
    columns = [column.id]
  }
  foreign_key "tickets_contacts_contact_edge" {
    columns     = [column.contact_id]
    ref_columns = [table.contacts.column.id]
    on_delete   = CASCADE
  }
  foreign_key "tickets_accounts_account_edge" {
    columns     = [column.account_id]
    ref_columns = [table.accounts.column.id]
    on_delete   = SET_NULL
  }
  foreign_key "tickets_products_product_edge" {
    columns     = [column.product_id]
    ref_columns = [table.products.column.id]
    on_delete   = SET_NULL
  }
  foreign_key "tickets_users_assignee_edge" {
    columns     = [column.assignee_id]
    ref_columns = [table.users.column.id]
    on_delete   = SET_NULL
  }
  index "ticket_sealed_by" {
    columns = [column.sealed_by]
  }
  index "ticket_number_number_instance" {
    unique  = true
    columns = [column.number, column.number_instance]
  }
  index "ticket_status_id" {
    columns = [column.status, column.id]
  }
  index "ticket_priority_id" {
    columns = [column.priority, column.id]
  }
  index "ticket_opened_at_id" {
    columns = [column.opened_at, column.id]
  }
  index "ticket_closed_at_id" {
    columns = [column.closed_at, column.id]
  }
  index "ticket_contact_id_id" {
    columns = [column.contact_id, column.id]
  }
  index "ticket_account_id_id" {
    columns = [column.account_id, column.id]
  }
  index "ticket_product_id_id" {
    columns = [column.product_id, column.id]
  }
  index "ticket_assignee_id_id" {
    columns = [column.assignee_id, column.id]
  }
}
table "users" {
  schema = schema.public
  column "id" {
    null = false
    type = uuid
  }
  column "subject_id" {
    null = false
    type = uuid
  }
  column "privacy_state" {
    null    = false
    type    = bigint
    default = sql("0")
  }
  column "consent_until" {
    null    = false
    type    = bigint
    default = sql("-9223372036854775808")
  }
  column "consent_ends" {
    null = true
    type = varchar
  }
  column "external_id" {
    null = true
    type = text
  }
  column "external_id_instance" {
    null    = false
    type    = bigint
    default = sql("0")
  }
  column "name_sealed" {
    null = true
    type = bytea
  }
  column "name_index" {
    null = true
    type = bigint
  }
  column "email_sealed" {
    null = true
    type = bytea
  }
  column "email_index" {
    null = true
    type = bigint
  }
  column "phone_sealed" {
    null = true
    type = bytea
  }
  column "job_title_sealed" {
    null = true
    type = bytea
  }
  column "hired_on_sealed" {
    null = true
    type = bytea
  }
  column "quota_sealed" {
    null = true
    type = bytea
  }
  column "active" {
    null    = false
    type    = boolean
    default = sql("true")
  }
  column "left_at" {
    null = true
    type = date
  }
  column "last_login_at" {
    null = true
    type = timestamptz
  }
  column "created_at" {
    null = false
    type = timestamptz
  }
  column "team_id" {
    null = true
    type = uuid
  }
  column "manager_id" {
    null = true
    type = uuid
  }
  primary_key {
    columns = [column.id]
  }
  foreign_key "users_teams_team_edge" {
    columns     = [column.team_id]
    ref_columns = [table.teams.column.id]
    on_delete   = SET_NULL
  }
  foreign_key "users_users_manager_edge_of" {
    columns     = [column.manager_id]
    ref_columns = [column.id]
    on_delete   = SET_NULL
  }
  index "user_subject_id" {
    columns = [column.subject_id]
  }
  index "user_external_id_external_id_instance" {
    unique  = true
    columns = [column.external_id, column.external_id_instance]
  }
  index "user_name_index_id" {
    columns = [column.name_index, column.id]
  }
  index "user_email_index_id" {
    columns = [column.email_index, column.id]
  }
  index "user_team_id_id" {
    columns = [column.team_id, column.id]
  }
  index "user_manager_id_id" {
    columns = [column.manager_id, column.id]
  }
}
schema "public" {
}

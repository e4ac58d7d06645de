//! Our categories in the words of FOCUS. What a plan calls Software may be any: the specification's nearest is taken,
//! and no subcategory claims more than is known.

use crate::api::Category;

/// A category as the specification has it: a service under a category and a subcategory of its lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// `ServiceCategory`.
    pub category: &'static str,
    /// `ServiceSubcategory`: of that category alone.
    pub subcategory: &'static str,
    /// `ServiceName`: ours, of that category alone.
    pub name: &'static str,
}

/// The categories, in the order of the kind.
pub const ALL: [Category; 10] = [
    Category::Compute,
    Category::Storage,
    Category::Network,
    Category::Database,
    Category::Software,
    Category::Security,
    Category::Backup,
    Category::Support,
    Category::Monitoring,
    Category::Other,
];

// === impl Service ===

impl Service {
    pub fn of(category: Category) -> Self {
        let (category, subcategory, name) = match category {
            Category::Compute => ("Compute", "Containers", "Kubernetes Compute"),
            Category::Storage => ("Storage", "Other (Storage)", "Kubernetes Storage"),
            Category::Network => ("Networking", "Other (Networking)", "Kubernetes Network"),
            Category::Database => ("Databases", "Other (Databases)", "Databases"),
            Category::Software => ("Business Applications", "Other (Business Applications)", "Software"),
            Category::Security => ("Security", "Other (Security)", "Security"),
            Category::Backup => ("Storage", "Backup Storage", "Backup"),
            Category::Support => ("Management and Governance", "Support", "Support"),
            Category::Monitoring => ("Management and Governance", "Observability", "Monitoring"),
            Category::Other => ("Other", "Other (Other)", "Other"),
        };
        Self { category, subcategory, name }
    }
}

/// What `ServiceCategory` may be.
pub const CATEGORIES: &[&str] = &[
    "AI and Machine Learning",
    "Analytics",
    "Business Applications",
    "Compute",
    "Databases",
    "Developer Tools",
    "Identity",
    "Integration",
    "Internet of Things",
    "Management and Governance",
    "Media",
    "Migration",
    "Mobile",
    "Multicloud",
    "Networking",
    "Other",
    "Security",
    "Storage",
    "Web",
];

/// Of what `ServiceSubcategory` may be, what is used here.
pub const SUBCATEGORIES: &[&str] = &[
    "Backup Storage",
    "Containers",
    "Observability",
    "Other (Business Applications)",
    "Other (Databases)",
    "Other (Networking)",
    "Other (Other)",
    "Other (Security)",
    "Other (Storage)",
    "Support",
];
